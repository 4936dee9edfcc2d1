/** Messages of pgoutput recorded from a real server, and the source's decoder for them. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AlteredRows } from '../../connectors/postgres/altered-rows.ts';
import { catalogTable, type Rows } from '../../connectors/postgres/catalog.ts';
import type { SqlSession } from '../../connectors/postgres/connections.ts';
import { LogicalMessages, messagesTable } from '../../connectors/postgres/logical-messages.ts';
import type { Pause } from '../../connectors/postgres/message-socket.ts';
import { type SourceOptions, tableName } from '../../connectors/postgres/names.ts';
import { readPosition } from '../../connectors/postgres/position.ts';
import type { CapturedTable } from '../../connectors/postgres/publication.ts';
import { SourceProgress } from '../../connectors/postgres/source-progress.ts';
import { SpillSpace } from '../../connectors/postgres/spill-space.ts';
import { StreamDecoder } from '../../connectors/postgres/stream-decoder.ts';
import { StreamTables } from '../../connectors/postgres/stream-tables.ts';
import { StreamedTransactions } from '../../connectors/postgres/streamed-transactions.ts';
import { TailraceError } from '../../src/contracts/errors.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { diskFiles } from '../../src/lib/files.ts';
import type { Scene } from './postgres-source.ts';
import { type RecordedTransaction, RecordingOutput } from './recording-output.ts';

/**
 * What the changes send, with a publication of the scene's tables.
 * @param wanted options of the plugin besides version 1 of its protocol
 */
export async function recordStream(
  { client, options }: Scene,
  changes: () => Promise<unknown>,
  wanted: Readonly<Record<string, string>> = {},
): Promise<Buffer[]> {
  const tables = options.tables.map((label) =>
    label
      .split('.')
      .map((name) => `"${name}"`)
      .join('.'),
  );
  await client.query(`create publication recorded for table ${tables.join(', ')}`);
  await client.query(`select pg_create_logical_replication_slot('recorded', 'pgoutput')`);
  await changes();
  const asked = Object.entries({ proto_version: '1', publication_names: 'recorded', ...wanted }).flat();
  const { rows } = await client.query<{ data: Buffer }>(
    `select data from pg_logical_slot_get_binary_changes('recorded', null, null, ${asked.map((word) => `'${word}'`)})`,
  );
  await client.query(`select pg_drop_replication_slot('recorded')`);
  return rows.map(({ data }) => data);
}

/** The table of logical messages in what `decode` gives. */
export const MESSAGES_LABEL = 'outbox.messages';

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
): StreamDecoder {
  const table = messagesTable({ config: { messages: { table: MESSAGES_LABEL } }, name: 's' } as SourceOptions)!;
  const messages = new LogicalMessages(table, undefined, output);
  const altered = new AlteredRows('s', { clock: systemClock, log: () => {} });
  const tables = new StreamTables({ source: 's', output, sql, captured, altered, isLoose: () => false, wait: unseen });
  const position = readPosition({ v: 1, system: '', timeline: 1, slot: '', publication: null, lsn, tables: {} });
  const progress = new SourceProgress(position, false, async () => []);
  return new StreamDecoder({ output, tables, progress, messages: [messages], now: () => 0, failpoint: () => {} });
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
  await takeAll(messages, (buf, from, to) => decoder.take(buf, from, to));
  return output.transactions;
}

/** As `decode`, of a stream in which transactions are sent while they run. */
export async function decodeStreamed(
  sql: SqlSession,
  captured: readonly CapturedTable[],
  messages: readonly Buffer[],
): Promise<RecordedTransaction[]> {
  const output = new RecordingOutput();
  const decoder = streamDecoder(sql, captured, output);
  const dir = join(tmpdir(), `tailrace-recorded-${process.pid}`);
  const end = new AbortController();
  const { signal } = end;
  const space = await SpillSpace.open({
    dir,
    files: diskFiles,
    clock: systemClock,
    signal,
    log: () => {},
    blockBytes: 512,
  });
  const streamed = new StreamedTransactions({
    space,
    deliver: (buf, from, to) => decoder.take(buf, from, to),
    drain: () => undefined,
    signal,
  });
  try {
    await takeAll(messages, (buf, from, to) =>
      streamed.takes(buf[from]!) ? streamed.take(buf, from, to) : decoder.take(buf, from, to),
    );
    return output.transactions;
  } finally {
    end.abort();
    await space.close();
  }
}

async function takeAll(
  messages: readonly Buffer[],
  take: (buf: Buffer, from: number, to: number) => Pause | undefined,
): Promise<void> {
  for (const message of messages) {
    for (let again = true; again; ) {
      const pause = take(message, 0, message.length);
      await pause?.until;
      again = pause?.again === true;
    }
  }
}
