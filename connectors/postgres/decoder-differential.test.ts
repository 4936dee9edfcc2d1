/** Our decoder against an independent one: both are fed the same bytes. */

import type { Pgoutput } from 'pg-logical-replication';
import { PgoutputParser } from 'pg-logical-replication/dist/output-plugins/pgoutput/pgoutput-parser.js';
import { expect, onTestFinished, test } from 'vitest';
import { postgresScenes } from '../../test/support/postgres-source.ts';
import { mixedWorkload, runWorkload, WORKLOAD_DDL, WORKLOAD_TABLES } from '../../test/support/postgres-workload.ts';
import { capturedTables, decode, MESSAGES_LABEL, recordStream } from '../../test/support/recorded-stream.ts';
import type { Recorded, RecordedTransaction } from '../../test/support/recording-output.ts';
import { testSeed } from '../../test/support/seed.ts';
import { SqlSession } from './connections.ts';

const scene = postgresScenes();
const full = process.env.TAILRACE_FULL !== undefined;

type Side = Record<string, Recorded> | null;
/** A row as a text: table, operation, sides; columns that were not sent are absent. */
const rowText = (table: string, op: string, before: Side, after: Side) =>
  `${table} ${op} ${JSON.stringify(before)} ${JSON.stringify(after)}`;

function ours(transactions: readonly RecordedTransaction[]) {
  return transactions.map(({ id, timeUs, position: lsn, rows, markers, resume }) => ({
    begin: `${id} ${timeUs} ${lsn} ${resume!.lsn}`,
    rows: rows.map(({ table, op, before, after }) => rowText(table, op, before, after)),
    markers,
  }));
}

function theirs(messages: readonly Buffer[]): ReturnType<typeof ours> {
  const parser = new PgoutputParser();
  const transactions: { begin: string; rows: string[]; markers: string[] }[] = [];
  let begin: Pgoutput.MessageBegin | null = null;
  let rows: string[] = [];
  let markers: string[] = [];
  for (const bytes of messages) {
    const message = parser.parse(bytes);
    switch (message.tag) {
      case 'begin':
        begin = message;
        rows = [];
        markers = [];
        break;
      case 'relation':
        // Texts as they came.
        for (const column of message.columns) column.parser = (raw) => raw;
        break;
      case 'truncate':
        markers.push(...message.relations.map(({ schema, name }) => `truncate ${schema}.${name}`));
        break;
      case 'commit': {
        const head = `${begin!.xid} ${begin!.commitTime} ${lsn(begin!.commitLsn)} ${lsn(message.commitEndLsn)}`;
        if (rows.length + markers.length > 0) transactions.push({ begin: head, rows, markers });
        begin = null;
        break;
      }
      case 'message':
        theirMessage(message, begin, rows, transactions);
        break;
      case 'insert':
      case 'update':
      case 'delete':
        rows.push(...theirRows(message));
    }
  }
  return transactions;
}

/** One that is no part of a transaction is one of its own with us, at the time 0 of the test. */
function theirMessage(
  { prefix, content, transactional, messageLsn }: Pgoutput.MessageMessage,
  begin: Pgoutput.MessageBegin | null,
  rows: string[],
  transactions: { begin: string; rows: string[]; markers: string[] }[],
): void {
  const at = lsn(messageLsn);
  const after = { lsn: at, prefix, transactional: String(transactional), content: Buffer.from(content).toString() };
  const row = rowText(MESSAGES_LABEL, 'c', null, after);
  if (transactional) rows.push(row);
  else transactions.push({ begin: `${at} 0 ${at} ${at}`, rows: [row], markers: [] });
  expect(transactional).toBe(begin !== null);
}

const lsn = (padded: string | null) => padded!.replace(/(^|\/)0+(?=[0-9A-F])/g, '$1');

/** A changed key is a delete and an insert with us. */
function theirRows(message: Pgoutput.MessageInsert | Pgoutput.MessageUpdate | Pgoutput.MessageDelete): string[] {
  const { relation } = message;
  const table = `${relation.schema}.${relation.name}`;
  if (message.tag === 'insert') return [rowText(table, 'c', null, message.new)];
  const old: Side = message.key ?? message.old;
  if (message.tag === 'delete') return [rowText(table, 'd', old, null)];
  const keys = relation.replicaIdentity === 'full' ? ['id'] : relation.keyColumns;
  if (old === null || keys.every((key) => old[key] === message.new[key])) {
    return [rowText(table, 'u', message.old, message.new)];
  }
  const whole = Object.entries(message.new).map(([name, value]) => [name, value === undefined ? old[name] : value]);
  return [rowText(table, 'd', old, null), rowText(table, 'c', null, Object.fromEntries(whole))];
}

test('the decoder reads what pg-logical-replication reads from the same bytes', async () => {
  const seed = testSeed;
  console.log(`differential: seed ${seed} (TAILRACE_SEED)`);
  const made = await scene(WORKLOAD_TABLES, WORKLOAD_DDL);
  const steps = mixedWorkload(seed, full ? 5_000 : 400);
  const connections = [await made.connect(), await made.connect()];
  const emit = (i: number) => `select pg_logical_emit_message(${i % 4 === 0}, 'p${i % 3}', 'message ${i}')`;
  const work = async () => {
    for (const [i, step] of steps.entries()) {
      await runWorkload(connections, [step]);
      if (i % 10 === 0) await connections[i % 2]!.query(emit(i / 10));
    }
  };
  const messages = await recordStream(made, work, { messages: 'true' });
  const sql = new SqlSession(made.options);
  onTestFinished(() => sql.close());
  const own = ours(await decode(sql, await capturedTables(sql, WORKLOAD_TABLES), messages));
  const other = theirs(messages);
  expect(own.length).toBeGreaterThan(100);
  expect(new Set(own.flatMap((t) => t.rows).map((row) => row.split(' ', 2).join(' '))).size).toBeGreaterThan(10);
  for (const [i, transaction] of own.entries()) expect(transaction).toEqual(other[i]);
  expect(own.length).toBe(other.length);
});
