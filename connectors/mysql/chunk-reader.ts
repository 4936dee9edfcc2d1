/** Reads one range of a table's key in a snapshot of its own: docs/decisions/2026-11-25-mysql-snapshot.md. */
import type { SourceOutput } from '../../src/sdk/index.ts';
import { type CatalogTable, catalogTable } from './catalog.ts';
import { columnExpression, columnText } from './column-text.ts';
import { describe } from './columns.ts';
import type { SqlSession } from './connections.ts';
import { parseGtidSet } from './gtid.ts';
import { type Key, KeyOrder } from './key-order.ts';
import { quoteTable, type SourceOptions, type TableName } from './names.ts';
import type { PendingChunk } from './pending-chunk.ts';
import { type FilePlace, isBefore, type Place } from './position.ts';
import { pushedFilters } from './pushed-filters.ts';
import { type ServerFacts, statusSql } from './server.ts';
import type { SnapshotState } from './snapshot-state.ts';
import { gap } from './source-errors.ts';
import type { Bound } from './source-progress.ts';
import type { TextConnection } from './text-connection.ts';

/** Between two looks whether what was streamed can be seen. */
const SEEN_MS = 2;
/** For so long other writers of the table may have to wait behind us for a transaction that holds it. */
const LOCK_SECONDS = 5;
/** Invariant 10: a chunk with more is read again in smaller ones. */
const MAX_CHUNK_BYTES = 8 << 20;
/** ER_TABLE_DEF_CHANGED: made anew after the snapshot was begun. */
const TABLE_CHANGED = 1412;
const NO_SUCH_TABLE = 1146;

export interface ChunkTask {
  readonly table: TableName;
  readonly chunk: PendingChunk;
  readonly order: KeyOrder;
  /** Where the stream was when it began to collect for the chunk. */
  readonly since: Place;
  /** What is read; of its condition the keys of the chunk were chosen. */
  readonly state: Pick<SnapshotState, 'kind' | 'where'>;
  /** Keys that are asked for. */
  readonly absent: readonly Key[];
}

export interface ChunkContext {
  readonly options: SourceOptions;
  readonly sql: SqlSession;
  readonly facts: ServerFacts;
  readonly output: SourceOutput;
}

/**
 * Fills the chunk, or spoils it when the table has changed under it. Throws what the server says.
 *
 * @returns true when the chunk was too large to be kept
 */
export async function readChunk(
  context: ChunkContext,
  connection: TextConnection,
  task: ChunkTask,
  signal: AbortSignal,
): Promise<boolean> {
  const { table, chunk } = task;
  try {
    const until = await beginSnapshot(context, connection, task, signal);
    return await readRows(context, connection, task, until);
  } catch (error) {
    const { errno } = error as { errno?: number };
    if (errno === NO_SUCH_TABLE) throw droppedMeanwhile(table);
    if (errno !== TABLE_CHANGED) throw error;
    chunk.spoil();
    return false;
  } finally {
    if (!chunk.isStale) await connection.run('COMMIT').catch(() => {});
  }
}

async function readRows(
  { options, sql, facts, output }: ChunkContext,
  connection: TextConnection,
  { table, chunk, order, state, absent }: ChunkTask,
  until: Bound,
): Promise<boolean> {
  // From here to the end of the transaction the table keeps its columns.
  await connection.run(`SELECT 1 FROM ${quoteTable(table)} LIMIT 1`);
  const catalog = await catalogTable((text, values) => sql.rows(text, values), table, facts.flavor);
  if (catalog === undefined) throw droppedMeanwhile(table);
  if (catalog.primaryKey.length === 0 || KeyOrder.of(catalog).fingerprint !== order.fingerprint) {
    chunk.spoil();
    return false;
  }
  const [[now]] = (await connection.rows('SELECT CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS UNSIGNED)', 1)) as [[string]];
  const pushed = pushedFilters(options, table.label, catalog, state);
  let tooLarge = false;
  await connection
    .run(selectSql(table, catalog, order, chunk, state.where, pushed), (buf, at, to) => {
      chunk.add(buf, at, to);
      if (chunk.bytes <= MAX_CHUNK_BYTES || chunk.rows < 2) return;
      tooLarge = true;
      chunk.spoil();
      connection.close();
    })
    .catch((error: unknown) => {
      if (!tooLarge) throw error;
    });
  if (tooLarge) return true;
  const { columns, primaryKey } = catalog;
  chunk.snapshot = {
    id: `${until.file}:${until.pos}/${table.label}`,
    until,
    timeUs: Number(now),
    schema: output.register(describe(options.name, table, columns, primaryKey)),
    texts: columns.map(columnText),
    keys: primaryKey.map((name) => columns.findIndex((column) => column.name === name)),
    absent: await absentOf(connection, table, order, absent),
  };
  return false;
}

/** Resolves to a place in the binary log behind all that the snapshot sees. It sees at least what was streamed. */
async function beginSnapshot(
  { options, facts }: ChunkContext,
  connection: TextConnection,
  { table, since }: ChunkTask,
  signal: AbortSignal,
): Promise<Bound> {
  const { clock } = options.context;
  const begin = () => connection.run('START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY');
  if (facts.flavor === 'mariadb') {
    for (;;) {
      await begin();
      const place = await mariadbPlace(connection);
      // Of what is in the log; sessions see nothing that is not.
      if (!isBefore(place, since)) return { ...place, gtid: await variable(connection, 'gtid_binlog_pos') };
      await connection.run('COMMIT');
      await clock.sleep(SEEN_MS, signal);
    }
  }
  if (since.gtid === null || !facts.gtids) await waitForWriters(connection, table);
  else {
    const streamed = parseGtidSet(since.gtid, false);
    // What was committed is in it only when sessions see it.
    while (!parseGtidSet(await variable(connection, 'gtid_executed'), false).covers(streamed)) {
      await clock.sleep(SEEN_MS, signal);
    }
  }
  await begin();
  const [status] = await connection.rows(statusSql(facts), STATUS_COLUMNS);
  return { file: status![0]!, pos: Number(status![1]), gtid: null };
}

async function variable(connection: TextConnection, name: string): Promise<string> {
  const [row] = await connection.rows(`SELECT @@global.${name}`, 1);
  return row![0]!.replaceAll('\n', '');
}

const STATUS_COLUMNS = 5;

/**
 * Without numbers nothing tells whether sessions see what was streamed already. A lock waits for all that have written to the table:
 * afterwards it does.
 */
async function waitForWriters(connection: TextConnection, table: TableName): Promise<void> {
  await connection.run(`SET SESSION lock_wait_timeout = ${LOCK_SECONDS}`);
  await connection.run(`LOCK TABLES ${quoteTable(table)} READ`);
  await connection.run('UNLOCK TABLES');
}

/** MariaDB says which place its snapshot stands for. */
async function mariadbPlace(connection: TextConnection): Promise<FilePlace> {
  const rows = await connection.rows("SHOW STATUS LIKE 'binlog_snapshot_%'", 2);
  const values = new Map(rows.map(([name, value]) => [name!.toLowerCase(), value!]));
  return { file: values.get('binlog_snapshot_file') ?? '', pos: Number(values.get('binlog_snapshot_position')) };
}

function selectSql(
  table: TableName,
  { columns }: CatalogTable,
  order: KeyOrder,
  { from, to }: PendingChunk,
  where: string | null,
  pushed: readonly string[],
): string {
  const asked = [where === null ? null : `(${where}\n)`, ...pushed, order.within(from, to)];
  const conditions = asked.filter((one) => one !== null);
  const such = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`;
  const by = where === null ? ' FORCE INDEX (PRIMARY)' : '';
  return `SELECT ${columns.map(columnExpression).join(', ')} FROM ${quoteTable(table)}${by}${such}`;
}

async function absentOf(
  connection: TextConnection,
  table: TableName,
  order: KeyOrder,
  keys: readonly Key[],
): Promise<readonly Key[]> {
  if (keys.length === 0) return [];
  const looks = keys.map(
    (key, i) =>
      `SELECT ${i} FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM ${quoteTable(table)} WHERE ${order.among([key])})`,
  );
  return (await connection.rows(looks.join(' UNION ALL '), 1)).map(([place]) => keys[Number(place)]!);
}

export function droppedMeanwhile({ label }: TableName): Error {
  return gap(`the captured table ${label} was renamed, dropped or made anew while it was to be read`);
}
