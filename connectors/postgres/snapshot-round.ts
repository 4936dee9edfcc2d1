/**
 * One resumable step of a snapshot: consecutive ranges of the key, read side by side in one snapshot, while the stream stands
 * between two transactions: docs/decisions/2026-11-25-snapshots-in-chunks.md.
 */
import type { RowWriter, SourceOutput, TableSchema } from '../../src/sdk/index.ts';
import type { Rows } from './catalog.ts';
import { type ColumnText, columnText } from './column-text.ts';
import type { CopyConnection } from './copy-connection.ts';
import { writeCopyRow } from './copy-row.ts';
import { describeTable } from './descriptions.ts';
import { KeyOrder } from './key-order.ts';
import { quoteLiteral, quoteName, type SourceOptions } from './names.ts';
import { type CapturedTable, fromTable, type Publication, publishedNow } from './publication.ts';
import { pushedFilters } from './pushed-filters.ts';
import type { SnapshotConnections } from './snapshot-connections.ts';
import { frontier, type Key, type Reading, type SnapshotState, withRange } from './snapshot-state.ts';
import { gap } from './source-errors.ts';
import type { SourceProgress } from './source-progress.ts';
import type { StreamGate } from './stream-gate.ts';
import { Visibility } from './visibility.ts';

const UNDEFINED_TABLE = '42P01';
const LOCK_NOT_AVAILABLE = '55P03';
const BEGIN = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY';

export interface RoundContext {
  readonly options: SourceOptions;
  readonly connections: SnapshotConnections;
  readonly progress: SourceProgress;
  readonly gate: StreamGate;
  readonly output: SourceOutput;
}

export interface Round {
  readonly table: CapturedTable;
  readonly publication: Publication;
  /** As it was when the bounds were looked for. */
  readonly state: SnapshotState;
  readonly order: KeyOrder;
  /** Where the ranges end; null: at the end of the table. */
  readonly bounds: readonly (Key | null)[];
  /** Of a part of the table: the rows of its only range. */
  readonly keys: readonly Key[] | null;
  /** Keys that become deletes where the snapshot has no row; at the end of a part of the table. */
  readonly absent: readonly Key[];
}

export type RoundResult =
  | { readonly rows: number; readonly heldMs: number }
  /** Nothing was read: a lock could not be had at once, or a streamed transaction cannot be seen yet. */
  | 'not yet'
  /** Something else was changed meanwhile: the round is not what is to be read any more. */
  | 'stale';

interface Facts extends Reading {
  readonly exported: string;
  readonly time_us: string;
}

/** The WAL position is taken after the snapshot: what the snapshot sees was committed below it. */
const FACTS_SQL = `
  SELECT pg_current_snapshot()::text AS snapshot, pg_export_snapshot() AS exported,
    CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END::text AS until,
    trunc(extract(epoch FROM clock_timestamp()) * 1000000)::int8::text AS time_us`;

/**
 * Throws what the server says. After a throw the output may hold an open transaction and the connections are of no more use:
 * both must be dropped.
 */
export async function readRound(context: RoundContext, round: Round, signal: AbortSignal): Promise<RoundResult> {
  const { leader } = context.connections;
  const workers = await lock(context.connections, round);
  let result: RoundResult = 'not yet';
  if (workers.length > 0) {
    const release = await context.gate.hold(signal);
    result = await readHeld(context, round, workers, signal);
    // Not after a throw: what the stream has would go into the transaction that was left open.
    release();
  }
  await leader.query('COMMIT');
  if (typeof result === 'string') await Promise.all(workers.map((worker) => worker.run('COMMIT')));
  return result;
}

/**
 * The lock comes before the snapshot (LOCK takes none): ALTER TABLE and TRUNCATE are not MVCC-safe, a table that they rewrite
 * after the snapshot was taken reads as empty. The workers must not wait for theirs: a statement that waits for the leader's
 * would stand before them, and the leader waits for the workers.
 */
async function lock(connections: SnapshotConnections, { table, bounds }: Round): Promise<readonly CopyConnection[]> {
  const { leader, workers } = connections;
  const statement = `LOCK TABLE ${fromTable(table)} IN ACCESS SHARE MODE`;
  await leader.query(BEGIN);
  try {
    await leader.query(statement);
  } catch (error) {
    throw (error as { code?: string }).code === UNDEFINED_TABLE ? droppedMeanwhile(table) : error;
  }
  const locked = await Promise.all(
    workers.slice(0, bounds.length).map(async (worker) => {
      try {
        await worker.run(`${BEGIN}; ${statement} NOWAIT`);
        return worker;
      } catch (error) {
        if ((error as { code?: string }).code !== LOCK_NOT_AVAILABLE) throw error;
        await worker.run('ROLLBACK');
        return null;
      }
    }),
  );
  return locked.filter((worker) => worker !== null);
}

async function readHeld(
  context: RoundContext,
  round: Round,
  workers: readonly CopyConnection[],
  signal: AbortSignal,
): Promise<RoundResult> {
  const { options, connections, progress } = context;
  const { table, publication, state, order } = round;
  const { clock } = options.context;
  const from = clock.monotonic();
  const rows: Rows = async <T extends object>(sql: string, values: unknown[] = []) =>
    (await connections.leader.query<T>(sql, values)).rows;
  if (!isSame(progress.snapshot(table.label), state)) return 'stale';
  const facts = await connections.snapshot<Facts>(FACTS_SQL);
  if (facts === null || !seesStreamed(progress, facts)) return 'not yet';
  // Invariant 9: columns that were added since the source began are in the stream, so they are in the rows.
  const published = await publishedNow(rows, publication, table);
  if (published === undefined) throw droppedMeanwhile(table);
  const described = await describeTable(rows, options.name, table, published.columns);
  if (described?.catalog.oid !== table.catalog.oid) throw droppedMeanwhile(table);
  if ((await KeyOrder.read(rows, { ...table, catalog: described.catalog })).fingerprint !== order.fingerprint) {
    return 'stale';
  }
  const schema = context.output.register(described.description);
  const texts = described.types.map(columnText);
  // Asked after the snapshot was taken: what it sees was written before.
  const { isAllInline } = described.catalog.storage;
  signal.throwIfAborted();
  const { filter } = published;
  const pushed = await pushedFilters(options, { ...table, catalog: described.catalog }, state, rows);
  const read = await write(context, round, workers, { schema, texts, facts, isAllInline, filter, pushed }, signal);
  return { rows: read, heldMs: clock.monotonic() - from };
}

/** The stream may have passed what was read, which changes nothing of where the next range begins. */
function isSame(now: SnapshotState | undefined, planned: SnapshotState): boolean {
  if (now === undefined) return planned.id === '';
  return now.id === planned.id && String(frontier(now)) === String(frontier(planned));
}

/**
 * What was streamed already must be in the rows that are read now: a commit can stand in the write-ahead log long before
 * sessions see it (synchronous replication holds it), and the row without it would follow its change.
 */
function seesStreamed(progress: SourceProgress, facts: Facts): boolean {
  const { touched } = progress;
  if (touched === null) return false;
  const visibility = new Visibility(facts);
  progress.forget((xid) => visibility.sees(xid));
  return progress.touched?.size === 0;
}

interface Reader {
  readonly schema: TableSchema;
  readonly texts: readonly ColumnText[];
  readonly facts: Facts;
  /** No value of the table lies out of line. */
  readonly isAllInline: boolean;
  /** Row filter of the publication. */
  readonly filter: string | null;
  /** Filters of the rules. */
  readonly pushed: readonly string[];
}

/** Invariant 4: the rows, the markers and the position behind them are one transaction of the output. */
async function write(
  { options, connections, progress, output }: RoundContext,
  round: Round,
  workers: readonly CopyConnection[],
  reader: Reader,
  signal: AbortSignal,
): Promise<number> {
  const { schema, texts, facts, isAllInline } = reader;
  const { table, state } = round;
  const { failpoint } = options.context;
  const { label } = table;
  const begins = state.ranges.length === 0;
  const id = begins ? `${facts.snapshot}/${label}` : state.id;
  const timeUs = Number(facts.time_us);
  output.begin({
    id,
    kind: 'snapshot',
    timeUs,
    position: progress.position.lsn,
    ...(isAllInline && { sendsAll: true }),
  });
  if (begins && state.where === null) output.marker({ op: 'snapshot-begin', table: schema, snapshot: id });
  const writer = output.writer(schema);
  const ranges = workers.map((worker, i) => ({ worker, to: round.bounds[i]! }));
  let rows = 0;
  const onRow = (buf: Buffer, at: number, to: number) => {
    failpoint('snapshot.rows');
    writer.begin('r');
    writer.side('after');
    writeCopyRow(writer, texts, buf, at, to);
    writer.end();
    rows++;
  };
  let from = frontier(state);
  const copies = ranges.map(({ worker, to }) => {
    const sql = copySql(round, reader, from, to);
    from = to;
    return worker.run(sql, onRow);
  });
  await Promise.all(copies);
  if (round.absent.length > 0) await writeDeletes(connections, round, reader, writer);
  signal.throwIfAborted();
  const to = ranges.at(-1)!.to;
  if (to === null && state.where === null) output.marker({ op: 'snapshot-end', table: schema, snapshot: id });
  const { snapshot, until } = facts;
  const known = progress.snapshot(label) ?? state;
  const now = withRange({ ...known, id, estimate: state.estimate }, to, { snapshot, until }, rows, round.keys);
  output.end(progress.setSnapshot(label, now));
  await output.drain();
  return rows;
}

/** What the snapshot has no row of: it sees all that was delivered, and whatever comes later is delivered later. */
async function writeDeletes(
  { leader }: SnapshotConnections,
  { table, order, absent }: Round,
  { schema, texts, filter }: Reader,
  writer: RowWriter,
): Promise<void> {
  const such = filter === null ? '' : `(${filter}) AND `;
  const looks = absent.map(
    (key, i) =>
      `SELECT ${i} AS place WHERE NOT EXISTS (SELECT FROM ${fromTable(table)} WHERE ${such}${order.among([key])})`,
  );
  const { rows } = await leader.query<{ place: number }>(looks.join(' UNION ALL '));
  for (const { place } of rows) {
    writer.begin('d');
    writer.side('before');
    for (const [i, { keyOrdinal }] of schema.columns.entries()) {
      const text = keyOrdinal === undefined ? null : Buffer.from(absent[place]![keyOrdinal - 1]!, 'base64');
      if (text === null) writer.unchanged(i);
      else texts[i]!(writer, i, text, 0, text.length);
    }
    writer.end();
  }
}

/** The rows and columns that the stream has too, but for rows that the rules would refuse. */
function copySql(
  { table, order, keys }: Round,
  { schema: { columns }, facts: { exported }, filter, pushed }: Reader,
  from: Key | null,
  to: Key | null,
): string {
  const names = columns.map(({ name }) => quoteName(name)).join(', ');
  const within = keys === null ? order.within(from, to) : order.among(keys);
  const conditions = [filter, ...pushed, within]
    .filter((condition) => condition !== null)
    .map((condition) => `(${condition})`);
  const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`;
  // The planner knows little of row values: whole scans for a part of the table would add up.
  const settings = within === null ? '' : 'SET LOCAL enable_seqscan = off; ';
  return (
    `SET TRANSACTION SNAPSHOT ${quoteLiteral(exported)}; SET LOCAL jit = off; ${settings}` +
    `COPY (SELECT ${names} FROM ${fromTable(table)}${where}) TO STDOUT; COMMIT`
  );
}

export function droppedMeanwhile({ label }: CapturedTable): Error {
  return gap(`the captured table ${label} was renamed, dropped or made anew while it was to be read`);
}
