/** The replication slot: made once, never silently again (Invariant 5). */
import { type Clock, TailraceError } from '../../src/sdk/index.ts';
import type { SqlSession } from './connections.ts';
import { parseLsn } from './lsn.ts';
import { quoteLiteral, quoteName } from './names.ts';
import type { PostgresPosition } from './position.ts';
import { gap } from './source-errors.ts';

const FREE_MS = 3_000;
const FREE_POLL_MS = 50;

export interface Slot {
  readonly plugin: string | null;
  readonly database: string | null;
  readonly pid: number | null;
  readonly confirmed: string | null;
  /** Transaction ids below ended before what the slot has confirmed. */
  readonly catalog_xmin: string | null;
  /** `reserved`, `extended`, `unreserved`, `lost`; null for one that never reserved anything. */
  readonly status: string | null;
  readonly ours: boolean;
  /** Prepared transactions are sent before they are committed. */
  readonly two_phase: boolean;
  /** Standbys keep a copy of it; null before version 17. */
  readonly failover: boolean | null;
}

export async function findSlot(sql: SqlSession, name: string): Promise<Slot | undefined> {
  const [slot] = await sql.rows<Slot>(
    `SELECT plugin::text, database::text, active_pid AS pid, catalog_xmin::text, confirmed_flush_lsn::text AS confirmed, wal_status AS status,
       two_phase, (to_jsonb(s) ->> 'failover')::bool AS failover, coalesce(database = current_database() AND plugin = 'pgoutput' AND NOT temporary, false) AS ours
     FROM pg_replication_slots s WHERE slot_name = $1`,
    [name],
  );
  return slot;
}

/** Throws `source.not_ready` for a slot of the user's that is there already: what it was read for is not known. */
export async function refuseExisting(sql: SqlSession, name: string): Promise<void> {
  const slot = await findSlot(sql, name);
  // One that lost its history is of use to nobody.
  if (slot === undefined || (slot.ours && slot.status === 'lost')) return;
  throw new TailraceError(
    'source.not_ready',
    `the replication slot ${name} exists, but nothing was read from it here`,
    {
      remedy: `if nobody needs it: SELECT pg_drop_replication_slot(${quoteLiteral(name).trim()}); it is made again at the start`,
    },
  );
}

/** Makes the slot; resolves to the LSN from which it streams. Waits for transactions that are running. */
export async function createSlot(sql: SqlSession, name: string, failover: boolean): Promise<string> {
  const [row] = await sql.rows<{ lsn: string }>(
    `SELECT lsn::text FROM pg_create_logical_replication_slot($1, 'pgoutput'${failover ? ', failover => true' : ''})`,
    [name],
  );
  return row!.lsn;
}

/** Waits for the end of a connection that is no more: the server frees its slot when it notices. */
export async function waitUntilFree(sql: SqlSession, name: string, clock: Clock): Promise<void> {
  const until = clock.monotonic() + FREE_MS;
  for (;;) {
    const slot = await findSlot(sql, name);
    if (slot === undefined || slot.pid === null) return;
    if (clock.monotonic() >= until) throw inUse(name, slot.pid);
    await clock.sleep(FREE_POLL_MS);
  }
}

/** False when it does not exist. Throws `source.unreachable` while somebody reads it. */
export async function dropSlot(sql: SqlSession, name: string): Promise<boolean> {
  const slot = await findSlot(sql, name);
  if (slot === undefined) return false;
  refuseForeign(slot, name);
  if (slot.pid !== null) throw inUse(name, slot.pid);
  await sql.rows('SELECT pg_drop_replication_slot($1)', [name]);
  return true;
}

function refuseForeign(slot: Slot, name: string): void {
  if (slot.ours) return;
  throw new TailraceError(
    'source.not_ready',
    `the replication slot ${name} belongs to something else (plugin ${slot.plugin ?? 'none'}, database ${slot.database ?? 'none'})`,
    {
      remedy: `choose another \`slot\` for the source, or: SELECT pg_drop_replication_slot(${quoteLiteral(name).trim()});`,
    },
  );
}

function inUse(name: string, pid: number): TailraceError {
  return new TailraceError(
    'source.unreachable',
    `the replication slot ${name} is in use by the server process ${pid}`,
    {
      remedy: 'stop the other reader of the slot; a connection that died is noticed by the server within a minute',
    },
  );
}

/**
 * Ours are made without it: the server then sends a prepared transaction at its COMMIT PREPARED, like any other, also when it
 * was prepared long before: docs/decisions/2026-11-25-logical-messages-and-prepared-transactions.md.
 */
function sendsPrepared(name: string): TailraceError {
  const alter = `ALTER_REPLICATION_SLOT ${quoteName(name)} (TWO_PHASE false);`;
  return new TailraceError('source.not_ready', `the replication slot ${name} was altered: it has two_phase now`, {
    remedy: `from version 18 on: psql 'dbname=… replication=database' -c '${alter}'; before: drop it, and set \`on_gap: resnapshot\` on the source`,
  });
}

/** Throws `source.gap` unless the slot still has everything after the position. */
export function checkSlot(slot: Slot | undefined, name: string, position: PostgresPosition): void {
  const after = `changes after ${position.lsn} are lost`;
  if (position.slot !== name) {
    throw gap(
      `the saved position belongs to the slot ${position.slot}, the source now names ${name}`,
      `set \`slot: ${position.slot}\` again, or \`on_gap: resnapshot\` on the source`,
    );
  }
  if (slot === undefined) throw gap(`the replication slot ${name} does not exist any more: ${after}`);
  if (!slot.ours) throw gap(`the replication slot ${name} was replaced by another of that name: ${after}`);
  if (slot.status === 'lost') throw gap(`the replication slot ${name} was invalidated by the server: ${after}`);
  if (slot.confirmed !== null && parseLsn(slot.confirmed) > parseLsn(position.lsn)) {
    throw gap(`the replication slot ${name} was moved to ${slot.confirmed} by somebody else or made anew: ${after}`);
  }
  if (slot.two_phase) throw sendsPrepared(name);
}
