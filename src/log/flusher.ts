/**
 * Log checkpoints: what only the write-ahead log holds is moved into segments, then a snapshot says so, then the files of the
 * write-ahead log are used again. Commits go on meanwhile; they wait only when too much memory is held.
 */
import { TailraceError } from '../contracts/errors.ts';
import type { Clock, Logger } from '../contracts/plugin.ts';
import type { Files } from '../lib/files.ts';
import type { Ballast } from './ballast.ts';
import type { DataPaths } from './data-directory.ts';
import type { Partition } from './partition.ts';
import type { Segment } from './segment.ts';
import { type Snapshot, writeSnapshot } from './snapshot-file.ts';
import type { LogState } from './state.ts';
import { removePartitionFiles } from './stray-files.ts';
import type { TopicState } from './topic-state.ts';
import type { Wal } from './wal.ts';

const RETRY_MS = 500;
/** Write-ahead files that may wait for a checkpoint: what a start has to read. */
const MAX_USED_FILES = 2;

export interface FlusherOptions {
  readonly state: LogState;
  readonly wal: Wal;
  readonly files: Files;
  readonly paths: DataPaths;
  readonly ballast: Ballast;
  readonly clock: Clock;
  readonly log: Logger;
  /** Bytes outside of segments that start a checkpoint; four times as many make commits wait. */
  readonly flushBytes: number;
}

export class Flusher {
  readonly #options: FlusherOptions;
  #running: Promise<void> | null = null;
  #flushing: Promise<void> = Promise.resolve();
  #stopped = false;
  #toldFull = false;
  #waiting: (() => void)[] = [];

  constructor(options: FlusherOptions) {
    this.#options = options;
  }

  /** After each commit: starts a checkpoint when it is due. */
  onCommit(): void {
    if (this.#running !== null || this.#stopped || !this.#hasWork()) return;
    this.#running = this.#loop();
  }

  /** One now, behind the one that may be running. Throws what stands in its way. */
  async checkpoint(): Promise<void> {
    if (this.#stopped || this.#options.wal.error !== null) return;
    await this.#flush();
    this.onCommit();
  }

  /**
   * One now; then the step, before the write-ahead files that the checkpoint has made superfluous are used again and before
   * the next checkpoint. Throws what stands in the way, and what the step throws.
   */
  async checkpointThen<T>(step: () => Promise<T>): Promise<T> {
    const { wal } = this.#options;
    if (wal.error !== null || this.#stopped) throw wal.error ?? new TailraceError('log.closed', 'the log is closed');
    let result: Promise<T> | undefined;
    await this.#flush(() => (result = step()));
    this.onCommit();
    return result!;
  }

  /** Undefined while there is room. */
  room(): Promise<void> | undefined {
    const { wal } = this.#options;
    // Of a log that has failed, the commit says so.
    if (this.#hasRoom() || this.#stopped || wal.error !== null) return undefined;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #hasRoom(): boolean {
    const { state, ballast, flushBytes } = this.#options;
    return state.recentBytes < 4 * flushBytes && !ballast.isSpent;
  }

  /** Moves everything, for a close or after recovery. Throws what stands in its way. */
  async finish(): Promise<void> {
    this.#stopped = true;
    await this.#running;
    await this.#flushing;
    for (const resolve of this.#waiting.splice(0)) resolve();
    const { ballast, state, wal } = this.#options;
    await ballast.spend(() => flushState(this.#options, wal.nextEpoch));
    await wal.recycle(state.sequence);
  }

  /** Much outside of segments, many files of commits that are in segments already, or deleted topics that fill the disk. */
  #isDue(): boolean {
    const { state, wal, flushBytes } = this.#options;
    const removes = state.deleted.length > 0 && !state.isPinned;
    return state.recentBytes >= flushBytes || wal.usedFiles > MAX_USED_FILES || removes;
  }

  #hasWork(): boolean {
    return this.#isDue() || this.#options.ballast.isSpent;
  }

  /** One after the other. */
  #flush(step: () => Promise<unknown> = async () => {}): Promise<void> {
    const flush = this.#flushing.then(() => this.#flushNow(step));
    this.#flushing = flush.catch(() => {});
    return flush;
  }

  async #flushNow(step: () => Promise<unknown>): Promise<void> {
    const { ballast, wal } = this.#options;
    const sequence = await ballast.spend(() => flushState(this.#options, wal.nextEpoch));
    try {
      await step();
    } finally {
      await wal.recycle(sequence);
    }
    if (ballast.isSpent) await this.#refill();
    if (this.#hasRoom()) for (const resolve of this.#waiting.splice(0)) resolve();
  }

  async #refill(): Promise<void> {
    const { ballast, log, paths } = this.#options;
    await ballast.fill();
    if (ballast.isSpent === this.#toldFull) return;
    this.#toldFull = ballast.isSpent;
    if (this.#toldFull) log('error', 'the disk is full: the log waits', { dir: paths.root });
    else log('info', 'the log goes on', { dir: paths.root });
  }

  async #loop(): Promise<void> {
    const { ballast, wal, clock, log } = this.#options;
    while (!this.#stopped && this.#hasWork() && wal.error === null) {
      try {
        await this.#flush();
        if (ballast.isSpent) await clock.sleep(RETRY_MS);
      } catch (error) {
        log('warn', 'the log could not be checkpointed; it is tried again', {
          cause: (error as NodeJS.ErrnoException).code ?? (error as Error).name,
        });
        await clock.sleep(RETRY_MS);
      }
    }
    this.#running = null;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

interface Garbage {
  readonly partition: Partition;
  readonly segment: Segment;
}

/** Resolves to the sequence up to which the snapshot now says everything. */
export async function flushState(
  { state, files, paths }: Pick<FlusherOptions, 'state' | 'files' | 'paths'>,
  walEpoch: number,
): Promise<number> {
  const { topics, ...stored } = state.stored();
  const staged = [...state.staged];
  const deleted = [...state.deleted];
  const counted = state.partitions().map((partition) => partition.counting());
  const dirty = state.partitions().flatMap((partition) => {
    const count = partition.recent.length;
    return count > 0 ? [{ partition, count }] : [];
  });
  for (const { partition, count } of dirty) {
    const moved = await partition.flush(count);
    // Not in one expression: commits add to it while the flush runs.
    state.recentBytes -= moved;
  }
  // New directories of partitions, before the snapshot names them.
  if (dirty.length > 0) await files.syncDirectory(paths.topics);
  const snapshot: Snapshot = { ...stored, topics: topics(), walEpoch };
  const garbage: Garbage[] = state
    .partitions()
    .flatMap((partition) => partition.garbage.map((segment) => ({ partition, segment })));
  await writeSnapshot(files, paths.snapshot, snapshot);
  for (const count of counted) count();
  state.staged = state.staged.filter((file) => !staged.includes(file));
  state.moved.push(...staged);
  if (!state.isPinned) await removeFiles(state, files, { garbage, deleted });
  return stored.sequence;
}

/** What no snapshot on disk names any more. What cannot be removed is tried again at the next checkpoint. */
async function removeFiles(
  state: LogState,
  files: Files,
  { garbage, deleted }: { garbage: readonly Garbage[]; deleted: readonly TopicState[] },
): Promise<void> {
  // A start removes those that could not be.
  for (const file of state.moved.splice(0)) await file.remove().catch(() => {});
  for (const { partition, segment } of garbage) {
    const removed = await segment.remove().then(
      () => true,
      () => false,
    );
    if (removed) partition.garbage = partition.garbage.filter((other) => other !== segment);
  }
  for (const topic of deleted) {
    for (const { dir } of topic.partitions) await removePartitionFiles(dir, files, state.open);
    state.deleted = state.deleted.filter((other) => other !== topic);
  }
}
