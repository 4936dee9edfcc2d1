/** Log → sink: each sink against the limit of its own target, measured in turn in the same run. */
import { tmpdir } from 'node:os';
import { measureDisk } from './disk.ts';
import { currentCommit, publish } from './report.ts';
import { elasticsearchInserts } from './sinks/elasticsearch.ts';
import { postgresInserts, postgresMixed } from './sinks/postgres.ts';
import { redisInserts, redisMixed } from './sinks/redis.ts';
import type { ReportRow } from './sinks/rounds.ts';

const parts: Record<string, () => Promise<ReportRow>> = {
  'postgres-inserts': postgresInserts,
  'postgres-mixed': postgresMixed,
  'redis-inserts': redisInserts,
  'redis-mixed': redisMixed,
  elasticsearch: elasticsearchInserts,
};

export const rows: readonly string[] = Object.keys(parts);

export async function run(names: readonly string[]): Promise<void> {
  for (const name of names) {
    const row = await parts[name]!();
    const disk = measureDisk(tmpdir());
    publish({
      name: 'sinks',
      title: 'Log → sink, beside the target’s own limit',
      header: [
        'sink × limit',
        'ours, k/s',
        'limit, k/s',
        'ratio (min–max)',
        'bar',
        'goal',
        'our CPU µs a change',
        'peak RSS MB',
        'commit',
      ],
      rows: [[...row, currentCommit()]],
      merge: true,
      notes: [
        'The log is filled before; a sink is timed from its start, modules loaded, to the commit of the last record, in a process of its own.',
        'Inserts: a snapshot of narrow rows (bigint key, int, 20 characters) into a new table. Mixed: half updates, the rest inserts and deletes, over 200,000 keys of which every second one is there before. The limit’s statements are ready before its clock starts.',
        `Disk in the last run: fdatasync p50 ${disk.fdatasyncP50Ms.toFixed(2)} ms, raw write ceiling ${Math.round(disk.rawWriteMiBps)} MiB/s.`,
      ],
    });
  }
}
