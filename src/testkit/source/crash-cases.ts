/** The process is killed while the source works: the whole product, over its log. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ProductRun } from '../process/product-run.ts';
import { insert, type SourceBench, type SourceCase, update } from './bench.ts';
import { sourceCase } from './reading-cases.ts';

const PACE_MS = 20;
const MOST = 1_000;

interface Collected {
  readonly offset: string;
  readonly op: string;
  readonly row: { readonly a: string } | null;
}

/** What is in the log, in its order: a repeat by the kit's own sink has the offset of the first time. */
async function collected(path: string): Promise<readonly Collected[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  const records = lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Collected);
  return [...new Map(records.map((record) => [record.offset, record])).values()];
}

/** One row counts up while the process is killed at each of the failpoints; then the log has each number once. */
async function killedAt(bench: SourceBench, failpoints: readonly string[], signal: AbortSignal): Promise<void> {
  const { origin, source, driver } = bench;
  const path = join(tmpdir(), `tailrace-kit-${randomUUID()}.jsonl`);
  const run = await ProductRun.make({
    module: driver.module,
    source: { type: source.type, tables: [origin.table], ...origin.settings },
    sink: { type: 'kit-collect', path },
  });
  let count = 0;
  const next = async () => {
    assert.ok(++count < MOST, 'the process reaches no failpoint');
    await origin.change([update('1', String(count))]);
  };
  try {
    await origin.change([insert('1', '0')]);
    for (const failpoint of failpoints) {
      run.start(failpoint);
      for (; run.isRunning; await sleep(PACE_MS, undefined, { signal })) await next();
      await run.killed(signal);
    }
    run.start();
    await next();
    const isThere = async () => (await collected(path)).some(({ row }) => row?.a === String(count));
    await run.until(isThere, 'the last change does not arrive', signal);
    await run.stop();
    expectEachOnce(await collected(path), count);
  } finally {
    await run.remove();
    await rm(path, { force: true });
    await source.teardown(bench.options(origin.settings, run.name)).catch(() => {});
  }
}

function expectEachOnce(records: readonly Collected[], last: number): void {
  const numbers = (ops: readonly string[]) =>
    records.filter(({ op }) => ops.includes(op)).map(({ row }) => Number(row?.a));
  const streamed = numbers(['insert', 'update', 'delete']);
  const first = streamed[0] ?? last + 1;
  const expected = Array.from({ length: last + 1 - first }, (_, i) => first + i);
  assert.deepEqual(streamed, expected, 'changes are missing in the log, or repeated, or out of order');
  const seen = numbers(['snapshot']);
  assert.ok(seen.length > 0 && first <= seen.at(-1)! + 1, 'changes are missing between the snapshot and the stream');
}

const killedCase = (id: string, title: string, ...failpoints: readonly string[]): SourceCase =>
  sourceCase(id, title, (bench, signal) => killedAt(bench, failpoints, signal), {
    isLong: true,
    unfit: ({ source }) => (source.emits.includes('snapshot') ? null : 'it has no snapshots'),
  });

export const crashCases: readonly SourceCase[] = [
  killedCase(
    'crash/before-append',
    'invariant 3: killed before what it read is in the log: every change is there once',
    'source.before-commit:4',
  ),
  killedCase(
    'crash/before-acknowledge',
    'invariant 1: killed between the append to the log and the acknowledgement: every change is there once',
    'source.after-commit:4',
  ),
  killedCase(
    'crash/again-and-again',
    'invariant 1: killed again and again, also in its first commits: every change is there once',
    'source.before-commit:1',
    'source.after-commit:1',
    'source.before-commit:2',
    'source.after-commit:2',
  ),
];
