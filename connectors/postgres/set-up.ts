/** What must be true before anything is read: the server, the tables, the publication, the slot, the position. */
import { TailraceError } from '../../src/sdk/index.ts';
import { catalogTable, type Rows } from './catalog.ts';
import { connectReplication, type SqlSession } from './connections.ts';
import { checkContinuity } from './continuity.ts';
import { checkIncarnation, checkReach, type Incarnation, identify } from './incarnation.ts';
import { publicationOf, quoteTable, type SourceOptions, slotOf, tableName } from './names.ts';
import type { PostgresPosition, TableState } from './position.ts';
import {
  type CapturedTable,
  ensurePublication,
  findPublication,
  type Publication,
  publishedTable,
} from './publication.ts';
import { checkSlot, createSlot, dropSlot, findSlot, refuseExisting, waitUntilFree } from './slot.ts';

const WAIT_MS = 200;

export interface Prepared {
  readonly position: PostgresPosition;
  readonly publication: Publication;
  readonly tables: readonly CapturedTable[];
  /** Tables that have to be read, in the order of the configuration. */
  readonly unread: readonly CapturedTable[];
  /**
   * Transactions below this id may have written to some of `unread` while they were not published yet; null when all were
   * published before the slot was made.
   */
  readonly unpublishedBefore: string | null;
}

/** Throws typed errors; `source.gap` where the position cannot be gone on from (Invariant 11). */
export async function prepare(
  options: SourceOptions,
  sql: SqlSession,
  from: PostgresPosition | null,
): Promise<Prepared> {
  const tables = await capturedTables(options, sql);
  const client = await connectReplication(options);
  try {
    const incarnation = await identify(client);
    if (from === null) return await prepareAfresh(options, sql, tables, incarnation);
    await checkIncarnation(client, from, incarnation);
    return await prepareToResume(options, sql, tables, { ...from, ...incarnation });
  } finally {
    await client.end().catch(() => {});
  }
}

/** Publication first: the slot then starts where it is known. */
async function prepareAfresh(
  options: SourceOptions,
  sql: SqlSession,
  tables: readonly CapturedTable[],
  incarnation: Incarnation,
): Promise<Prepared> {
  const slot = slotOf(options);
  const { log, clock } = options.context;
  // Of a start that died before its first position was saved, or of a history that was given up.
  if (options.config.slot !== undefined) await refuseExisting(sql, slot);
  await waitUntilFree(sql, slot, clock);
  if (await dropSlot(sql, slot)) log('warn', 'replication slot of an earlier start dropped', { slot });
  const publication = await ensurePublication(sql, publicationOf(options), tables);
  log('info', 'making the replication slot; this waits for transactions that are running', { slot });
  const lsn = await createSlot(sql, slot);
  const states = Object.fromEntries(tables.map((table) => [table.label, pending(publication, table)]));
  const position = { v: 1, ...incarnation, slot, publication: publication.oid, lsn, tables: states } as const;
  return { position, publication, tables, unread: toRead(options, position, tables), unpublishedBefore: null };
}

async function prepareToResume(
  options: SourceOptions,
  sql: SqlSession,
  tables: readonly CapturedTable[],
  from: PostgresPosition,
): Promise<Prepared> {
  const slot = slotOf(options);
  await checkReach(sql, from);
  await waitUntilFree(sql, slot, options.context.clock);
  checkSlot(await findSlot(sql, slot), slot, from);
  const named = publicationOf(options);
  checkContinuity((await findPublication(sql, named.name)) ?? named.name, tables, from);
  const publication = await ensurePublication(sql, named, tables);
  const known = tables.filter(({ label }) => from.tables[label] !== undefined);
  const states = Object.fromEntries(known.map(({ label }) => [label, from.tables[label]!]));
  const position = { ...from, publication: publication.oid, tables: states };
  const [row] = await sql.rows<{ xid: string }>('SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS xid');
  const unpublishedBefore = known.length === tables.length ? null : row!.xid;
  if (options.snapshot === 'never') {
    // From now on they are streamed, and nothing else is wanted of them.
    for (const table of tables) position.tables[table.label] ??= pending(publication, table);
  }
  return { position, publication, tables, unread: toRead(options, position, tables), unpublishedBefore };
}

function pending(publication: Publication, table: CapturedTable): TableState {
  return { oid: table.catalog.oid, entry: publishedTable(publication, table)!.entry, read: 'pending' };
}

function toRead(
  { snapshot }: SourceOptions,
  position: PostgresPosition,
  tables: readonly CapturedTable[],
): readonly CapturedTable[] {
  if (snapshot === 'never') return [];
  return tables.filter(({ label }) => (position.tables[label]?.read ?? 'pending') === 'pending');
}

/** As configured. Throws `source.not_ready` for those that are not there or cannot be captured. */
export async function capturedTables(options: SourceOptions, sql: SqlSession): Promise<readonly CapturedTable[]> {
  const rows: Rows = (text, values) => sql.rows(text, values);
  const tables: CapturedTable[] = [];
  for (const label of options.tables) {
    const name = tableName(label);
    const catalog = await catalogTable(rows, name);
    if (catalog === undefined) {
      throw new TailraceError('source.not_ready', `the table ${label} does not exist`, {
        remedy:
          'correct it under `tables:` of the source, or create it; if it was captured and dropped, take it out there; ' +
          'if it was captured and renamed, put its new name there and set `on_gap: resnapshot`',
      });
    }
    const unfit = unfitness({ ...name, catalog });
    if (unfit !== null) throw new TailraceError('source.not_ready', unfit.message, { remedy: unfit.remedy });
    tables.push({ ...name, catalog });
  }
  return tables;
}

/** Why nothing of it is in the write-ahead log; null for a table that can be captured. */
export function unfitness(table: CapturedTable): { readonly message: string; readonly remedy: string } | null {
  const { label, catalog } = table;
  if (catalog.relkind !== 'r' && catalog.relkind !== 'p') {
    return {
      message: `${label} is no table: its changes are not in the write-ahead log`,
      remedy: 'name the table behind it',
    };
  }
  if (catalog.persistence === 'p') return null;
  const remedy = `ALTER TABLE ${quoteTable(table)} SET LOGGED;`;
  return { message: `${label} is unlogged: its changes are not in the write-ahead log`, remedy };
}

/** Until no transaction runs that was there at `xid`. */
export async function waitForOlderTransactions(
  options: SourceOptions,
  sql: SqlSession,
  xid: string,
  signal: AbortSignal,
): Promise<void> {
  for (let told = false; ; told = true) {
    const [row] = await sql.rows<{ over: boolean }>(
      'SELECT pg_snapshot_xmin(pg_current_snapshot())::text::numeric >= $1::numeric AS over',
      [xid],
    );
    if (row!.over) return;
    if (!told) options.context.log('info', 'added tables are read when the transactions now running have ended');
    await options.context.clock.sleep(WAIT_MS, signal);
  }
}
