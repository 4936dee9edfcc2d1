/** Servers that send transactions while they run, and readers that do not take them so. */
import type { SourceOptions } from '../../connectors/postgres/names.ts';
import type { Scene } from './postgres-source.ts';

/** Every change is sent at once where the server knows how; else what does not fit into `logical_decoding_work_mem`. */
export async function streamEverything({ client, server }: Scene): Promise<void> {
  if (server.major < 16) return;
  await client.query(`alter system set debug_logical_replication_streaming = 'immediate'`);
  await client.query('select pg_reload_conf()');
  const shown = () => client.query('show debug_logical_replication_streaming');
  while ((await shown()).rows[0].debug_logical_replication_streaming !== 'immediate');
}

export function withoutStreaming(options: SourceOptions): SourceOptions {
  const { scratch: _, ...context } = options.context;
  return { ...options, context };
}

/** How many transactions the server has sent while they ran; it says so when a walsender reports, at its end at the latest. */
export async function streamedTransactions({ client }: Scene, slot: string): Promise<number> {
  const sql = 'select stream_txns::int as count from pg_stat_replication_slots where slot_name = $1';
  for (let tries = 0; tries < 100; tries++) {
    const { rows } = await client.query<{ count: number }>(sql, [slot]);
    if ((rows[0]?.count ?? 0) > 0) return rows[0]!.count;
    await client.query('select pg_sleep(0.05)');
  }
  return 0;
}
