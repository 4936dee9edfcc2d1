/** What must be true before anything is read: the server, the tables, the publication, the slot, the position. */
import type pg from 'pg';
import { TailraceError } from '../../src/sdk/index.ts';
import { catalogTable, type Rows } from './catalog.ts';
import { connectReplication, type SqlSession } from './connections.ts';
import { requireContinuity } from './continuity.ts';
import { ensureTriggers } from './ddl-trigger.ts';
import { ensurePublication } from './ensure-publication.ts';
import { makeFailover, refuseFailover } from './failover.ts';
import { checkIncarnation, checkReach, type Incarnation, identify } from './incarnation.ts';
import { databaseTables, isLoose, publicationOf, quoteTable, type SourceOptions, slotOf, tableName } from './names.ts';
import { type PostgresPosition, type TableState, withoutOthers } from './position.ts';
import { serverVersion } from './protocol-options.ts';
import { type CapturedTable, findPublication, type Publication, publishedTable } from './publication.ts';
import { checkSlot, createSlot, dropSlot, findSlot, refuseExisting, waitUntilFree } from './slot.ts';

export interface Prepared {
  /** For the stream; who asked for the set-up ends it. */
  readonly client: pg.Client;
  readonly position: PostgresPosition;
  readonly publication: Publication;
  readonly tables: readonly CapturedTable[];
  /** Nothing was streamed from the slot yet. */
  readonly isFirst: boolean;
}

/** Throws typed errors; `source.gap` where the position cannot be gone on from (Invariant 11). */
export async function prepare(
  options: SourceOptions,
  sql: SqlSession,
  from: PostgresPosition | null,
): Promise<Prepared> {
  // Both connections at once: each costs several round trips and the work of a login.
  const connecting = connectReplication(options);
  connecting.catch(() => {});
  try {
    if (options.config.failover) refuseFailover(options, await serverVersion((text) => sql.rows(text)));
    const tables = await capturedTables(options, sql);
    const client = await connecting;
    const incarnation = await identify(client);
    if (from === null) return { client, ...(await prepareAfresh(options, sql, tables, incarnation)) };
    await checkIncarnation(client, from, incarnation);
    const prepared = await prepareToResume(options, sql, tables, { ...from, ...incarnation });
    const slot = slotOf(options);
    const fails = options.config.failover && (await findSlot(sql, slot))?.failover === false;
    if (fails) await client.query(makeFailover(slot));
    return { client, ...prepared };
  } catch (error) {
    await connecting.then((client) => client.end()).catch(() => {});
    throw error;
  }
}

/** Publication first: the slot then starts where it is known. */
async function prepareAfresh(
  options: SourceOptions,
  sql: SqlSession,
  tables: readonly CapturedTable[],
  incarnation: Incarnation,
): Promise<Omit<Prepared, 'client'>> {
  const slot = slotOf(options);
  const { log, clock } = options.context;
  // Of a start that died before its first position was saved, or of a history that was given up.
  if (options.config.slot !== undefined) await refuseExisting(sql, slot);
  await waitUntilFree(sql, slot, clock);
  if (await dropSlot(sql, slot)) log('warn', 'replication slot of an earlier start dropped', { slot });
  const publication = await ensurePublication(sql, publicationOf(options), tables);
  await ensureTriggers(options, sql);
  log('info', 'making the replication slot; this waits for transactions that are running', { slot });
  const lsn = await createSlot(sql, slot, options.config.failover);
  const states = Object.fromEntries(tables.map((table) => [table.label, pending(publication, table)]));
  const position = {
    v: 1,
    ...incarnation,
    slot,
    publication: publication.oid,
    altered: publication.xmin,
    lsn,
    tables: states,
    private: null,
  } as const;
  return { position, publication, tables, isFirst: true };
}

async function prepareToResume(
  options: SourceOptions,
  sql: SqlSession,
  tables: readonly CapturedTable[],
  from: PostgresPosition,
): Promise<Omit<Prepared, 'client'>> {
  const slot = slotOf(options);
  await checkReach(sql, from);
  await waitUntilFree(sql, slot, options.context.clock);
  checkSlot(await findSlot(sql, slot), slot, from);
  const named = publicationOf(options);
  // Of a loose table that was made anew nothing is known.
  const known = (table: CapturedTable) => {
    const state = from.tables[table.label];
    return state?.oid !== table.catalog.oid && isLoose(options, table) ? undefined : state;
  };
  const same = tables.filter((table) => known(table) !== undefined);
  await requireContinuity(sql, named.name, await findPublication(sql, named.name), same, from);
  const publication = await ensurePublication(sql, named, tables);
  await ensureTriggers(options, sql);
  const states = Object.fromEntries(tables.map((table) => [table.label, known(table) ?? pending(publication, table)]));
  const labels = same.map(({ label }) => label);
  const { oid, xmin } = publication;
  const position = { ...withoutOthers(from, labels), publication: oid, altered: xmin, tables: states };
  return { position, publication, tables, isFirst: false };
}

function pending(publication: Publication, table: CapturedTable): TableState {
  return { oid: table.catalog.oid, entry: publishedTable(publication, table)!.entry, read: 'pending' };
}

/** As configured. Throws `source.not_ready` for those that are not there or cannot be captured. */
export async function capturedTables(options: SourceOptions, sql: SqlSession): Promise<readonly CapturedTable[]> {
  const rows: Rows = (text, values) => sql.rows(text, values);
  const tables: CapturedTable[] = [];
  const messages = await messagesProblem(options, rows);
  if (messages !== null) throw new TailraceError('source.not_ready', messages.message, { remedy: messages.remedy });
  for (const label of databaseTables(options)) {
    const name = tableName(label);
    const catalog = await catalogTable(rows, name);
    if (catalog === undefined && isLoose(options, name)) continue;
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

/** Why logical messages or DDL cannot be taken as configured; null when they can, or are not wanted. */
export async function messagesProblem(
  { config, tables }: SourceOptions,
  rows: Rows,
): Promise<{ readonly message: string; readonly remedy: string } | null> {
  const wanted = [
    { label: config.messages?.table, what: 'the logical messages are', key: 'messages.table' },
    { label: config.ddl?.table, what: 'the statements of DDL are', key: 'ddl.table' },
  ];
  for (const { label, what, key } of wanted) {
    if (label === undefined) continue;
    if (!tables.includes(label)) {
      const message = `${what} to be rows of ${label}, which is not captured`;
      return { message, remedy: `add ${label} to \`tables:\` of the source` };
    }
    if ((await catalogTable(rows, tableName(label))) === undefined) continue;
    const message = `${what} to be rows of ${label}, which is a table of the database`;
    return { message, remedy: `give \`${key}\`, and the name under \`tables:\`, a name that no table has` };
  }
  return null;
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
