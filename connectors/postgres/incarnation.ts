/** Which server this is, and whether a position belongs to it (Invariant 11). */
import type pg from 'pg';
import { TailraceError } from '../../src/sdk/index.ts';
import type { SqlSession } from './connections.ts';
import { parseLsn } from './lsn.ts';
import type { PostgresPosition } from './position.ts';
import { gap, takesNoReplication } from './source-errors.ts';

const DECODING_STANDBY_VERSION = 160_000;
/** SQLSTATEs. */
const UNDEFINED_FILE = '58P01';
const SYNTAX_ERROR = '42601';

export interface Incarnation {
  readonly system: string;
  readonly timeline: number;
}

/** @param client a walsender connection. Throws `source.not_ready` when a pooler has made it one for statements. */
export async function identify(client: pg.Client): Promise<Incarnation> {
  const { rows } = await client
    .query<{ systemid: string; timeline: number }>('IDENTIFY_SYSTEM')
    .catch((error: { code?: string }) => {
      throw error.code === SYNTAX_ERROR ? takesNoReplication('the configured url', error) : error;
    });
  return { system: rows[0]!.systemid, timeline: Number(rows[0]!.timeline) };
}

/**
 * Throws `source.gap` unless the server's history goes through the position: same system, and on a later timeline the
 * position lies before the switch.
 */
export async function checkIncarnation(client: pg.Client, position: PostgresPosition, now: Incarnation): Promise<void> {
  if (position.system !== now.system) {
    throw gap(
      `the server is another one than the position's: system identifier ${now.system} instead of ${position.system}`,
      'put the former server into `url` of the source, or set `on_gap: resnapshot` to read this one from the start',
    );
  }
  if (position.timeline === now.timeline) return;
  const switched = now.timeline > position.timeline ? await switchPoint(client, position.timeline, now.timeline) : null;
  if (switched !== null && parseLsn(position.lsn) <= switched) return;
  throw gap(
    `the server's timeline ${now.timeline} does not go through the position ${position.lsn} of timeline ${position.timeline}: it was promoted or restored before it`,
  );
}

/**
 * Throws `source.gap` when the position lies beyond the server's write-ahead log: a backup was put back. `source.not_ready`
 * for a standby that cannot be read.
 */
export async function checkReach(sql: SqlSession, { lsn }: PostgresPosition): Promise<void> {
  const [row] = await sql.rows<{ reach: string | null; standby: boolean; version: number }>(
    `SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END::text AS reach,
       pg_is_in_recovery() AS standby, current_setting('server_version_num')::int AS version`,
  );
  const { reach, standby, version } = row!;
  if (standby && version < DECODING_STANDBY_VERSION) {
    throw new TailraceError('source.not_ready', 'the server is a standby, which cannot decode its write-ahead log', {
      remedy: 'name the primary in `url` of the source',
    });
  }
  if (reach === null || parseLsn(lsn) <= parseLsn(reach)) return;
  throw gap(
    `the server's write-ahead log ends at ${reach}, before the position ${lsn}: it was put back to an earlier state`,
  );
}

/** Where the timeline was left, from the history file: lines `timeline<tab>LSN<tab>reason`. */
async function switchPoint(client: pg.Client, from: number, now: number): Promise<bigint | null> {
  const { rows } = await client
    .query<{ content: Buffer | string }>(`TIMELINE_HISTORY ${now}`)
    .catch((error: { code?: string }) => {
      // The server has lost the file: nothing shows that its history is the position's.
      if (error.code === UNDEFINED_FILE) return { rows: [] };
      throw error;
    });
  for (const line of String(rows[0]?.content ?? '').split('\n')) {
    const [timeline, lsn] = line.trim().split(/\s+/);
    if (Number(timeline) === from && lsn !== undefined) return parseLsn(lsn);
  }
  return null;
}
