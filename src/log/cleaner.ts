/**
 * What the log does in the background, one partition after the other, in small steps: begins segments that have become old,
 * deletes what is past its retention, compacts. Nothing here is needed for what is stored to be right: whatever is cut short by the end
 * of the process is done at the next round.
 */
import { TailraceError } from '../contracts/errors.ts';
import type { TopicConfig } from '../contracts/log-admin.ts';
import type { Clock, Logger } from '../contracts/plugin.ts';
import type { Ballast } from './ballast.ts';
import { Compactor } from './compaction/compactor.ts';
import { dirtyRange } from './compaction/plan.ts';
import type { Flusher } from './flusher.ts';
import type { HeldAt, HoldLimit, HoldTable } from './holds.ts';
import type { Partition } from './partition.ts';
import { type RetentionResult, retention } from './retention.ts';
import type { Segment } from './segment.ts';
import type { LogState } from './state.ts';
import { rulesOf, type TopicRules } from './topic-rules.ts';

/** Longest time that a batch is only in the write-ahead log. */
const FLUSH_EVERY_MS = 300_000;
/** Part of the limit of holds from which on it is warned. */
const WARN_FROM = 0.8;

export interface CleanerOptions {
  readonly topicConfig: (topic: string) => TopicConfig;
  /** Where a topic's configuration does not say. */
  readonly segmentBytes: number;
  /** Null: only when `run` is called. */
  readonly everyMs: number | null;
  readonly state: LogState;
  readonly flusher: Flusher;
  readonly ballast: Ballast;
  readonly clock: Clock;
  readonly log: Logger;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Memory for the keys of a compaction. */
  readonly keyBytes: number;
  readonly holds: HoldTable;
  readonly holdLimit: HoldLimit;
}

/** What `run` does besides what is due. */
export interface CleanRequest {
  /** Topic that is compacted as far as its lag allows, the last segment included, however little there is to do. */
  readonly compact?: string;
}

export class Cleaner {
  readonly #options: CleanerOptions;
  readonly #stopping = new AbortController();
  readonly #looping: Promise<void>;
  #round: Promise<void> = Promise.resolve();
  /** When the last segment of a partition was seen first, ms since 1970. */
  readonly #begun = new WeakMap<Segment, number>();
  /** Kept by holds only, in this round. */
  #heldBytes = 0;
  readonly #warned = new Set<string>();
  /** Not compacted again before a restart. */
  readonly #damaged = new WeakSet<Partition>();
  #flushedAt: number;

  constructor(options: CleanerOptions) {
    this.#options = options;
    this.#flushedAt = options.clock.monotonic();
    this.#looping = options.everyMs === null ? Promise.resolve() : this.#loop(options.everyMs);
  }

  /** One round now, behind the one that may be running. Resolves when it is done or the log closes. */
  run(request: CleanRequest = {}): Promise<void> {
    const round = this.#round.then(() => this.#clean(request));
    this.#round = round.catch(() => {});
    return round;
  }

  /** Resolves when nothing runs any more. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#looping;
    await this.#round;
  }

  async #loop(everyMs: number): Promise<void> {
    const { clock, log } = this.#options;
    const { signal } = this.#stopping;
    for (;;) {
      await clock.sleep(everyMs, signal).catch(() => {});
      if (signal.aborted) return;
      this.#round = this.#round
        .then(() => this.#clean(null))
        .catch((error: unknown) => {
          const cause = (error as { code?: unknown }).code ?? (error as Error).name;
          log('warn', 'the log could not be cleaned; it is tried again', { cause });
        });
      await this.#round;
    }
  }

  /** @param request null: the interval is over */
  async #clean(request: CleanRequest | null): Promise<void> {
    const { state, flusher, clock, segmentBytes, topicConfig } = this.#options;
    if (request !== null || clock.monotonic() - this.#flushedAt >= FLUSH_EVERY_MS) {
      this.#flushedAt = clock.monotonic();
      if (state.recentBytes > 0) await flusher.checkpoint();
    }
    this.#heldBytes = 0;
    const failures: unknown[] = [];
    for (const partition of state.partitions()) {
      if (this.#stopping.signal.aborted) return;
      const cleanup = state.topic(partition.topic)?.settings.cleanup;
      if (cleanup === undefined || partition.dropped) continue;
      const rules = rulesOf(cleanup, topicConfig(partition.topic), segmentBytes);
      partition.segmentBytes = rules.segmentBytes;
      await this.#cleanPartition(partition, rules, request?.compact === partition.topic).catch((error: unknown) => {
        // Of a topic that was deleted meanwhile, the files are gone too. One that cannot be cleaned does not stop the others.
        if (!partition.dropped) failures.push(error);
      });
    }
    await this.#free(0);
    await this.#options.ballast.fill(this.#stopping.signal);
    if (failures.length > 0) throw failures[0];
  }

  async #cleanPartition(partition: Partition, rules: TopicRules, force: boolean): Promise<void> {
    await this.#retain(partition, rules);
    if (rules.compacts) await this.#compact(partition, rules, force);
  }

  async #retain(partition: Partition, rules: TopicRules): Promise<void> {
    const { segmentMs, maxCompactionLagMs, compacts } = rules;
    const limitMs = compacts ? Math.min(segmentMs, maxCompactionLagMs) : segmentMs;
    if (await this.#isOld(partition.segments.at(-1), limitMs)) partition.roll();
    const { clock, holds, holdLimit: limit } = this.#options;
    const held = holds.lowest(partition.topic, partition.partition, false);
    const result = await retention(partition, rules, clock.now(), { held, limit, heldBytes: this.#heldBytes });
    this.#heldBytes += result.heldBytes;
    if (held !== null) this.#report(partition, held, result);
    partition.moveStart(result.start);
    partition.dropBelowStart();
  }

  /** Once, until the reader has caught up. */
  #report({ topic, partition }: Partition, { name, offset }: HeldAt, { left, heldMs }: RetentionResult): void {
    const { log, holdLimit } = this.#options;
    const fields = { topic, partition, reader: name, offset: String(offset) };
    if (left) log('error', 'a reader was past hold_limit: records that it has not read are deleted', fields);
    const late = heldMs > WARN_FROM * holdLimit.ms || this.#heldBytes > WARN_FROM * holdLimit.bytes;
    const key = `${name}\0${topic}\0${partition}`;
    if (!late) this.#warned.delete(key);
    else if (!this.#warned.has(key)) {
      this.#warned.add(key);
      log('warn', 'a reader keeps the log from being cleaned, and nears hold_limit', fields);
    }
  }

  async #compact(partition: Partition, rules: TopicRules, force: boolean): Promise<void> {
    const { clock, log, random, keyBytes } = this.#options;
    if (this.#damaged.has(partition)) return;
    if (force) partition.roll();
    const nowMs = clock.now();
    // Beyond what the topic's settings keep anyway.
    const holdMs = this.#options.holdLimit.ms + rules.minCompactionLagMs;
    const holdOf = (everyChange: boolean) =>
      this.#options.holds.lowest(partition.topic, partition.partition, everyChange)?.offset ?? null;
    try {
      const range = await dirtyRange(partition, rules, { nowMs, hold: holdOf(true), holdMs, force });
      if (range === null) return;
      const { deleteRetentionMs, segmentBytes } = rules;
      const { signal } = this.#stopping;
      const replaced = () => this.#free(2 * segmentBytes);
      await new Compactor(partition, {
        nowMs,
        deleteRetentionMs,
        hold: holdOf(false),
        holdMs: holdMs + deleteRetentionMs,
        mapBytes: keyBytes,
        random,
        signal,
        replaced,
      }).run(range);
    } catch (error) {
      if (!(error instanceof TailraceError) || error.code !== 'log.damaged' || partition.dropped) throw error;
      // Keys that cannot be read may have newer records there.
      this.#damaged.add(partition);
      log('error', 'a partition is not compacted any more: it is damaged', {
        topic: partition.topic,
        partition: partition.partition,
        cause: error.message,
      });
    }
  }

  /** Takes segments that were dropped or replaced off the disk when they are more than so many bytes. */
  async #free(limitBytes: number): Promise<void> {
    const { state, flusher } = this.#options;
    const garbage = state.partitions().flatMap((partition) => partition.garbage);
    const bytes = garbage.reduce((sum, { size }) => sum + size, 0);
    if (garbage.length > 0 && bytes >= limitBytes && !state.isPinned) await flusher.checkpoint();
  }

  /** Kafka's segment.ms. A segment of an earlier process counts from its first record, one of this from when it was begun. */
  async #isOld(segment: Segment | undefined, limitMs: number): Promise<boolean> {
    if (segment === undefined || segment.size === 0) return false;
    const now = this.#options.clock.now();
    let begun = this.#begun.get(segment);
    if (begun === undefined) {
      begun = segment.fresh ? now : Math.min(now, await segment.firstTime());
      this.#begun.set(segment, begun);
    }
    return now - begun > limitMs;
  }
}
