/** Commits that stand in the write-ahead log of a real server and that no session sees. */
import { onTestFinished } from 'vitest';
import type { Scene } from './postgres-source.ts';

const HELD = `select from pg_stat_activity where datname = current_database() and wait_event = 'SyncRep'`;
const CANCEL_HELD = HELD.replace('select', 'select pg_cancel_backend(pid)');

export interface HeldCommits {
  /** Resolves when that many backends of the database wait. */
  until(backends: number): Promise<void>;
  /** Those that wait become visible. */
  release(): Promise<void>;
}

/** Commits of sessions that want synchronous replication stay invisible until they are released, or the test ends. */
export async function holdCommits({ client, connect }: Scene): Promise<HeldCommits> {
  await client.query(`alter system set synchronous_standby_names = 'nobody'`);
  await client.query('select pg_reload_conf()');
  const release = async () => void (await client.query(CANCEL_HELD));
  onTestFinished(async () => {
    await client.query('alter system reset synchronous_standby_names');
    await client.query('select pg_reload_conf()');
    await release();
  });
  // It holds once another process has taken it in: a commit that waits shows it.
  const probe = await connect();
  for (let waits = false; !waits; ) {
    let over = false;
    const commit = probe.query(`select pg_logical_emit_message(true, 'probe', '')`).then(() => {
      over = true;
    });
    while (!over && !waits) waits = (await client.query(HELD)).rowCount === 1;
    await release();
    await commit;
  }
  const until = async (backends: number) => {
    while ((await client.query(HELD)).rowCount !== backends);
  };
  return { until, release };
}
