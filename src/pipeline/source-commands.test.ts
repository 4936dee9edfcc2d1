/** What a running source is told is durable when it is answered. */
import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { MemoryLog } from '../../test/support/memory-log.ts';
import { until } from '../../test/support/project.ts';
import { TailraceError } from '../contracts/errors.ts';
import type { SourceManifest } from '../contracts/plugin.ts';
import type { Position, SourceOutput, SourceReader } from '../contracts/source.ts';
import type { SnapshotCommand } from '../contracts/upstream.ts';
import { createEnvelope } from '../envelope/index.ts';
import { systemClock } from '../lib/clock.ts';
import { createRules } from '../rules/index.ts';
import { SourceTask } from './source-task.ts';

/** Idle; its position says what it was told. */
class ToldReader implements SourceReader {
  #told = 'nothing';
  #output: SourceOutput | null = null;

  async run(_from: Position | null, output: SourceOutput, signal: AbortSignal): Promise<void> {
    this.#output = output;
    this.hasten();
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  }

  async snapshots(command: SnapshotCommand): Promise<void> {
    this.#told = command.do;
  }

  hasten(): void {
    this.#output?.heartbeat({ v: 1, told: this.#told });
  }

  acknowledge(): void {}

  async close(): Promise<void> {}
}

const manifest: SourceManifest = {
  type: 'told',
  summary: '',
  config: z.unknown(),
  emits: [],
  check: async () => [],
  describe: async () => [],
  open: async () => new ToldReader(),
  teardown: async () => {},
};

function started(log: MemoryLog): SourceTask {
  const tables = { tables: [], snapshot: 'never' as const, onGap: 'stop' as const, transform: [], path: [] };
  const task = new SourceTask({
    plan: { name: 's', manifest, config: {}, ...tables },
    instance: 'i',
    log,
    envelope: createEnvelope({ productVersion: '0.0.0' }),
    rules: createRules(),
    rulesContext: { maskKey: null },
    context: { log: () => {}, clock: systemClock, failpoint: () => {}, random: Math.random },
    tableTopics: new Set(),
    maxBytes: 1 << 20,
    cacheBytes: 1 << 20,
    rulesOf: () => [],
  });
  const abort = new AbortController();
  const ended = task.run(abort.signal);
  onTestFinished(async () => {
    abort.abort();
    await ended;
  });
  return task;
}

const saved = (log: MemoryLog) => log.checkpoints.get('source/s') ?? '';

test('invariant 1: a command is answered when it is durable, not when a commit from before it is', async () => {
  const log = new MemoryLog();
  log.hold();
  const task = started(log);
  await until('it is at work', async () => task.status().state === 'streaming');
  let isAnswered = false;
  const told = task.snapshots({ do: 'pause' }).then(() => {
    isAnswered = true;
    return saved(log);
  });
  // Enough for everything that does not wait for the log.
  for (let i = 0; i < 100; i++) await new Promise((resolve) => setImmediate(resolve));
  expect([isAnswered, saved(log)]).toEqual([false, '']);
  log.release();
  expect(await told).toContain('"told":"pause"');
});

test('a command to a source that stops meanwhile is not answered as if it were done', async () => {
  const log = new MemoryLog();
  const task = started(log);
  await until('it is at work', async () => task.status().state === 'streaming');
  log.failure = new TailraceError('log.failed', 'broken');
  await expect(task.snapshots({ do: 'pause' })).rejects.toMatchObject({ code: 'log.failed' });
});
