/**
 * Reads one table in one repeatable-read transaction, whose visibility is kept with the position:
 * docs/decisions/2026-11-24-snapshot-by-visibility.md. Nothing of it is visible in the log before all of it is.
 */
import type pg from 'pg';
import type { SourceOutput, TableSchema } from '../../src/sdk/index.ts';
import type { Rows } from './catalog.ts';
import { columnText } from './column-text.ts';
import { connectSql, takeSocket } from './connections.ts';
import { writeCopyRow } from './copy-row.ts';
import { describeTable } from './descriptions.ts';
import { MessageSocket, type Pause, queryMessage, serverError } from './message-socket.ts';
import { quoteName, type SourceOptions } from './names.ts';
import type { PostgresPosition, TableState } from './position.ts';
import { type CapturedTable, fromTable, type Publication, type PublishedTable, publishedTable } from './publication.ts';
import { asSourceError, gap } from './source-errors.ts';

const COPY_DATA = 0x64; // d
const ERROR = 0x45; // E
const READY = 0x5a; // Z
const UNDEFINED_TABLE = '42P01';

interface SnapshotFacts {
  readonly snapshot: string;
  readonly until: string;
  readonly time_us: string;
}

export interface SnapshotTask {
  readonly table: CapturedTable;
  readonly publication: Publication;
  readonly position: PostgresPosition;
}

/** The WAL position is taken after the snapshot: what the snapshot sees was committed below it. */
const FACTS_SQL = `
  SELECT pg_current_snapshot()::text AS snapshot,
    CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END::text AS until,
    trunc(extract(epoch FROM clock_timestamp()) * 1000000)::int8::text AS time_us`;

/** Resolves to the position with the table in it. An abort ends it with the signal's reason; nothing was then written. */
export async function snapshotTable(
  options: SourceOptions,
  { table, publication, position }: SnapshotTask,
  output: SourceOutput,
  signal: AbortSignal,
): Promise<PostgresPosition> {
  const published = publishedTable(publication, table);
  if (published === undefined) throw droppedMeanwhile(table);
  const client = await connectSql(options);
  if (signal.aborted) {
    await client.end().catch(() => {});
    throw signal.reason;
  }
  // A statement that waits in the server must not keep the connection.
  const onAbort = () => void client.end().catch(() => {});
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const { facts, description, types, catalog } = await takeSnapshot(options, client, table, published);
    if (signal.aborted) throw signal.reason;
    const schema = output.register(description);
    const id = `${facts.snapshot}/${table.label}`;
    const transaction = { id, kind: 'snapshot' as const, timeUs: Number(facts.time_us), position: position.lsn };
    output.begin(transaction);
    output.marker({ op: 'snapshot-begin', table: schema, snapshot: id });
    const texts = types.map(columnText);
    const writer = output.writer(schema);
    const { failpoint } = options.context;
    await copy(client, copySql(schema, table, published), output, signal, (buf, from, to) => {
      failpoint('snapshot.rows');
      writer.begin('r');
      writer.side('after');
      writeCopyRow(writer, texts, buf, from, to);
      writer.end();
    });
    if (signal.aborted) throw signal.reason;
    output.marker({ op: 'snapshot-end', table: schema, snapshot: id });
    const { snapshot, until } = facts;
    const state: TableState = { oid: catalog.oid, entry: published.entry, read: { snapshot, until } };
    const after = { ...position, tables: { ...position.tables, [table.label]: state } };
    output.end(after);
    return after;
  } catch (error) {
    throw signal.aborted ? signal.reason : asSourceError(error, options.config.url);
  } finally {
    signal.removeEventListener('abort', onAbort);
    await client.end().catch(() => {});
  }
}

/**
 * The lock comes before the snapshot (LOCK takes none): ALTER TABLE and TRUNCATE are not MVCC-safe, a table that they
 * rewrite after the snapshot was taken reads as empty, and the stream does not tell of rewritten rows.
 */
async function takeSnapshot(
  options: SourceOptions,
  client: pg.Client,
  table: CapturedTable,
  published: PublishedTable,
) {
  const rows: Rows = async <T extends object>(sql: string, values: unknown[] = []) =>
    (await client.query<T>(sql, values)).rows;
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  try {
    await client.query(`LOCK TABLE ${fromTable(table)} IN ACCESS SHARE MODE`);
  } catch (error) {
    throw (error as { code?: string }).code === UNDEFINED_TABLE ? droppedMeanwhile(table) : error;
  }
  const [facts] = await rows<SnapshotFacts>(FACTS_SQL);
  const described = await describeTable(rows, options.name, table, published.columns);
  if (described?.catalog.oid !== table.catalog.oid) throw droppedMeanwhile(table);
  return { ...described, facts: facts! };
}

function droppedMeanwhile({ label }: CapturedTable): Error {
  return gap(`the captured table ${label} was renamed, dropped or made anew while it was to be read`);
}

/** The rows and columns that the stream has too. */
function copySql({ columns }: TableSchema, table: CapturedTable, { filter }: PublishedTable): string {
  const names = columns.map(({ name }) => quoteName(name)).join(', ');
  return `COPY (SELECT ${names} FROM ${fromTable(table)}${filter === null ? '' : ` WHERE ${filter}`}) TO STDOUT`;
}

/** Runs the COPY on the client's socket, which cannot be used by `pg` afterwards. */
async function copy(
  client: pg.Client,
  sql: string,
  output: SourceOutput,
  signal: AbortSignal,
  onRow: (buf: Buffer, from: number, to: number) => void,
): Promise<void> {
  const socket = takeSocket(client);
  const take = (type: number, buf: Buffer, from: number, to: number): Pause | undefined => {
    if (type === COPY_DATA) onRow(buf, from, to);
    else if (type === ERROR) throw serverError(buf, from, to);
    else if (type === READY) reader.stop();
    return undefined;
  };
  const reader: MessageSocket = new MessageSocket({ socket, take, afterRead: () => output.drain() });
  const onAbort = () => socket.destroy(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    if (signal.aborted) onAbort();
    reader.write(queryMessage(sql));
    await reader.done;
  } finally {
    signal.removeEventListener('abort', onAbort);
    socket.destroy();
  }
}
