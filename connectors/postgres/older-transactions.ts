/** Until all that was committed so far can be seen. */
import type { SqlSession } from './connections.ts';
import type { SourceOptions } from './names.ts';

const WAIT_MS = 100;

/**
 * Resolves when no transaction runs any more that had an id when this was called. What was streamed before, and what wrote to a
 * table before it was published, is then in every snapshot. A standby shows a commit before it streams it.
 */
export async function waitForOlderTransactions(
  options: SourceOptions,
  sql: SqlSession,
  signal: AbortSignal,
): Promise<void> {
  const [now] = await sql.rows<{ xid: string }>(
    `SELECT CASE WHEN pg_is_in_recovery() THEN pg_snapshot_xmax(pg_current_snapshot()) ELSE pg_current_xact_id() END::text AS xid`,
  );
  for (let told = false; ; told = true) {
    const [row] = await sql.rows<{ over: boolean }>(
      'SELECT pg_snapshot_xmin(pg_current_snapshot())::text::numeric >= $1::numeric AS over',
      [now!.xid],
    );
    if (row!.over) return;
    if (!told) options.context.log('info', 'tables are read when the transactions now running have ended');
    await options.context.clock.sleep(WAIT_MS, signal);
  }
}
