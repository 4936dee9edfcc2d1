/**
 * A snapshot on a standby, with what it sees. There `pg_current_snapshot()` leaves out the transactions that run, so that they
 * would be taken for visible ones. But a standby makes commits visible by replaying them, one after the other: when the
 * replay stands at a position before the snapshot and still does after it, and no more had arrived to be replayed, the
 * snapshot sees just the commits before that position: docs/decisions/2026-11-25-snapshots-on-standbys.md.
 */
import type pg from 'pg';
import { TailraceError } from '../../src/sdk/index.ts';
import type { TableSnapshot } from './visibility.ts';

export interface StandbySnapshot extends TableSnapshot {
  /** For SET TRANSACTION SNAPSHOT, until the transaction that took it ends. */
  readonly exported: string;
}

/** Each statement in it has a snapshot of its own: that of `pg_export_snapshot` is the one. */
const TAKE_SQL = `DO $$
DECLARE at pg_lsn; taken record;
BEGIN
  PERFORM set_config('tailrace.snapshot', '', true);
  FOR i IN 1..100 LOOP
    at := pg_last_wal_replay_lsn();
    SELECT pg_export_snapshot() AS exported, pg_snapshot_xmax(pg_current_snapshot())::text AS xmax INTO taken;
    IF pg_last_wal_replay_lsn() = at AND pg_last_wal_receive_lsn() = at AND EXISTS (SELECT FROM pg_stat_wal_receiver)
      AND pg_is_in_recovery() THEN
      PERFORM set_config('tailrace.snapshot', concat_ws(' ', taken.exported, taken.xmax, at), true);
      RETURN;
    END IF;
  END LOOP;
END $$`;

/** @param client in no transaction */
export async function isStandby(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby');
  return rows[0]!.standby;
}

/**
 * Begins a transaction on `taker` and takes the snapshot in it; the caller ends it. Null when the standby has something to
 * replay at every look. Throws `source.unreachable` for one that was promoted.
 */
export async function takeOnStandby(taker: pg.Client): Promise<StandbySnapshot | null> {
  await taker.query('BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY');
  await taker.query(TAKE_SQL);
  const { rows } = await taker.query<{ taken: string; standby: boolean }>(
    `SELECT current_setting('tailrace.snapshot') AS taken, pg_is_in_recovery() AS standby`,
  );
  const { taken, standby } = rows[0]!;
  if (!standby) throw new TailraceError('source.unreachable', 'the standby was promoted while its tables were read');
  const [exported, xmax, until] = taken.split(' ');
  return until === undefined ? null : { exported: exported!, snapshot: `${xmax}:${xmax}:`, until };
}
