/** The process is killed while the sink works: the whole product, over its log. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type FedChange, fedChange, fedRows } from '../process/feed.ts';
import { ProductRun } from '../process/product-run.ts';
import { difference, keepsRows, type SinkBench, type SinkCase, type SinkSubject, sinkCase } from './bench.ts';

/** Changes that one process may feed: the next has some of its own. */
const CHANGES = 60;
const OPS = { c: 'insert', u: 'update', d: 'delete' } as const;

/** One entry as the target has it: what happened, the key, and what a delete does not say. */
function entryOf({ op, id, a, b }: FedChange): string {
  return JSON.stringify(op === 'd' ? [OPS[op], id] : [OPS[op], id, a, b]);
}

async function entries(bench: SinkBench): Promise<readonly string[]> {
  const held = await bench.entries();
  return held.map(([op, id, a, b]) => JSON.stringify(op === 'delete' ? [op, id] : [op, id, a, b]));
}

/** Killed at each of the failpoints in turn; then the target equals what was fed. */
async function killedAt(
  bench: SinkBench,
  { sink, driver }: SinkSubject,
  failpoints: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const limit = join(tmpdir(), `tailrace-kit-${randomUUID()}`);
  const run = await ProductRun.make({
    module: driver.module,
    source: { type: 'kit-feed', tables: ['public.rows'], limit },
    sink: { type: sink.type, ...bench.target.settings },
  });
  let fed = 0;
  const start = async (failpoint?: string) => {
    await writeFile(limit, String((fed += CHANGES)));
    run.start(failpoint);
  };
  try {
    for (const failpoint of failpoints) {
      await start(failpoint);
      await run.killed(signal);
    }
    await start();
    if (keepsRows({ sink, driver })) await untilRows(bench, run, fed, signal);
    else await untilEntries(bench, run, fed, driver.duplicates !== undefined, signal);
    await run.stop();
  } finally {
    await run.remove();
    await rm(limit, { force: true });
  }
}

async function untilRows(bench: SinkBench, run: ProductRun, count: number, signal: AbortSignal): Promise<void> {
  const expected = fedRows(count);
  let rows: unknown;
  const isEqual = async () => isDeepStrictEqual((rows = await bench.rows()), expected);
  await run.until(isEqual, 'the target does not become equal to what was fed', signal).catch((error) => {
    assert.fail(`${(error as Error).message}${difference(rows, expected)}`);
  });
}

async function untilEntries(
  bench: SinkBench,
  run: ProductRun,
  count: number,
  mayRepeat: boolean,
  signal: AbortSignal,
): Promise<void> {
  const expected = Array.from({ length: count }, (_, i) => entryOf(fedChange(i)));
  const last = expected.at(-1)!;
  await run.until(async () => (await entries(bench)).includes(last), 'the last change does not arrive', signal);
  const held = await entries(bench);
  if (!mayRepeat) return assert.deepEqual(held, expected, 'entries are lost, repeated or out of order');
  assert.deepEqual(new Set(held), new Set(expected), 'entries are lost');
}

const killedCase = (id: string, title: string, ...failpoints: readonly string[]): SinkCase =>
  sinkCase(id, title, (bench, subject, signal) => killedAt(bench, subject, failpoints, signal), { isLong: true });

export const crashCases: readonly SinkCase[] = [
  killedCase(
    'crash/after-write',
    'killed between write and flush: nothing is lost, and repeated only where declared',
    'sink.after-write:1',
  ),
  killedCase(
    'crash/after-flush',
    'killed between flush and the commit of the offset: nothing is lost, and repeated only where declared',
    'sink.after-flush:1',
  ),
  killedCase(
    'crash/again-and-again',
    'killed again and again, wherever it is: nothing is lost, and repeated only where declared',
    'sink.after-write:1',
    'source.before-commit:1',
    'sink.after-flush:1',
    'sink.after-write:1',
  ),
];
