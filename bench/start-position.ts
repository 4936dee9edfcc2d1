/** Where a reader of a slot that was copied starts: at the slot's own position, on this server. */
import pg from 'pg';
import type { Position } from '../src/contracts/source.ts';
import type { CaptureTask } from './capture.ts';

export async function startPosition({ url, slot }: CaptureTask): Promise<Position> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    const { rows } = await client.query(
      `select confirmed_flush_lsn::text as lsn, (select system_identifier::text from pg_control_system()) as system,
         (select timeline_id from pg_control_checkpoint()) as timeline
       from pg_replication_slots where slot_name = $1`,
      [slot],
    );
    const { lsn, system, timeline } = rows[0];
    return { v: 1, system, timeline, slot, publication: null, lsn, tables: {} };
  } finally {
    await client.end();
  }
}
