/** Messages of pgoutput recorded from a real server, and the source's decoder for them. */
import { catalogTable, type Rows } from '../../connectors/postgres/catalog.ts';
import type { SqlSession } from '../../connectors/postgres/connections.ts';
import type { LogicalMessages } from '../../connectors/postgres/logical-messages.ts';
import { tableName } from '../../connectors/postgres/names.ts';
import { readPosition } from '../../connectors/postgres/position.ts';
import type { CapturedTable } from '../../connectors/postgres/publication.ts';
import { SourceProgress } from '../../connectors/postgres/source-progress.ts';
import { StreamDecoder } from '../../connectors/postgres/stream-decoder.ts';
import { StreamTables } from '../../connectors/postgres/stream-tables.ts';
import { TailraceError } from '../../src/contracts/errors.ts';
import type { Scene } from './postgres-source.ts';
import { type RecordedTransaction, RecordingOutput } from './recording-output.ts';

/** What the changes send, with a publication of the scene's tables. */
export async function recordStream({ client, options }: Scene, changes: () => Promise<unknown>): Promise<Buffer[]> {
  const tables = options.tables.map((label) =>
    label
      .split('.')
      .map((name) => `"${name}"`)
      .join('.'),
  );
  await client.query(`create publication recorded for table ${tables.join(', ')}`);
  await client.query(`select pg_create_logical_replication_slot('recorded', 'pgoutput')`);
  await changes();
  const { rows } = await client.query<{ data: Buffer }>(
    `select data from pg_logical_slot_get_binary_changes('recorded', null, null, 'proto_version', '1', 'publication_names', 'recorded')`,
  );
  await client.query(`select pg_drop_replication_slot('recorded')`);
  return rows.map(({ data }) => data);
}

export async function capturedTables(sql: SqlSession, labels: readonly string[]): Promise<CapturedTable[]> {
  const rows: Rows = (text, values) => sql.rows(text, values);
  const tables: CapturedTable[] = [];
  for (const label of labels) {
    const name = tableName(label);
    const catalog = await catalogTable(rows, name);
    if (catalog === undefined) throw new Error(`no table ${label}`);
    tables.push({ ...name, catalog });
  }
  return tables;
}

export function streamDecoder(
  sql: SqlSession,
  captured: readonly CapturedTable[],
  output: RecordingOutput,
  lsn = '0/0',
  messages: LogicalMessages | null = null,
): StreamDecoder {
  const tables = new StreamTables({ source: 's', output, sql, captured, wait: unseen });
  const position = readPosition({ v: 1, system: '', timeline: 1, slot: '', publication: null, lsn, tables: {} });
  const progress = new SourceProgress(position, false, async () => []);
  return new StreamDecoder({ output, tables, progress, messages, now: Date.now, failpoint: () => {} });
}

/** Recorded transactions are over: one that cannot be seen is none of them. */
const unseen = () => Promise.reject(new TailraceError('source.unsupported', 'a transaction that was never there'));

export async function decode(
  sql: SqlSession,
  captured: readonly CapturedTable[],
  messages: readonly Buffer[],
): Promise<RecordedTransaction[]> {
  const output = new RecordingOutput();
  const decoder = streamDecoder(sql, captured, output);
  for (const message of messages) {
    for (let again = true; again; ) {
      const pause = decoder.take(message, 0, message.length);
      await pause?.until;
      again = pause?.again === true;
    }
  }
  return output.transactions;
}
