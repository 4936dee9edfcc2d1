/** One transaction larger than memory, through the whole process. Only in `npm run chaos -- postgres`. */
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { startPostgres } from '../../demo/servers/postgres.ts';
import { Project, untilStatus } from '../support/project.ts';

const full = process.env.TAILRACE_FULL !== undefined;
const ROWS = Number(process.env.TAILRACE_HUGE_ROWS ?? 10_000_000);
const LIMIT_KIB = 512 * 1024;
const PATIENCE_MS = 3_000_000;

/** Highest resident set of the process so far, KiB. */
function peakKib(pid: number): number {
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]);
}

test.skipIf(!full)('invariant 10: a transaction of ten million rows stays under 512 MB, and comes whole', async () => {
  const server = await startPostgres();
  onTestFinished(() => server.stop());
  const url = await server.createDatabase('huge');
  const client = new pg.Client(url);
  await client.connect();
  onTestFinished(() => client.end().catch(() => {}));
  await client.query('create table t (id int primary key, v text)');
  const yaml = `name: huge
source:
  type: postgres
  url: \${SOURCE_URL}
  tables: [public.t]
sink:
  type: file
  path: out.jsonl
`;
  const project = await Project.make(yaml, { SOURCE_URL: url });
  const running = project.start();
  await untilStatus('streaming', running, ({ state }) => state === 'streaming');
  const began = performance.now();
  await client.query(`insert into t select i, md5(i::text) from generate_series(1, ${ROWS}) i`);
  const inserted = performance.now();
  await untilStatus(
    'all rows',
    running,
    ({ rows }) => {
      // The markers of the empty snapshot, or all.
      expect(rows < 10 || rows >= ROWS, `${rows} rows`).toBe(true);
      return rows >= ROWS;
    },
    PATIENCE_MS,
  );
  const done = performance.now();
  const peak = peakKib(running.pid!);
  console.log(
    `huge: ${ROWS} rows, insert ${Math.round(inserted - began)} ms, captured ${Math.round(done - inserted)} ms after it, ${Math.round(peak / 1024)} MiB`,
  );
  expect(peak).toBeLessThan(LIMIT_KIB);
});
