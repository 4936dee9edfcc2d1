/**
 * What the log does in the background, one partition after the other, in small steps: begins segments that have become old,
 * deletes what is past its retention. Nothing here is needed for what is stored to be right: whatever is cut short by the end
 * of the process is done at the next round.
 */
import type { TopicConfig } from '../contracts/log-admin.ts';
import type { Clock, Logger } from '../contracts/plugin.ts';
import type { Flusher } from './flusher.ts';
import type { Partition } from './partition.ts';
import { retentionStart } from './retention.ts';
import type { Segment } from './segment.ts';
import type { LogState } from './state.ts';
import { rulesOf, type TopicRules } from './topic-rules.ts';

export const CLEAN_EVERY_MS = 60_000;
/** Longest time that a batch is only in the write-ahead log. */
const FLUSH_EVERY_MS = 300_000;

export interface CleanerOptions {
  readonly topicConfig: (topic: string) => TopicConfig;
  /** Where a topic's configuration does not say. */
  readonly segmentBytes: number;
  /** Null: only when `run` is called. */
  readonly everyMs: number | null;
  readonly state: LogState;
  readonly flusher: Flusher;
  readonly clock: Clock;
  readonly log: Logger;
}

export class Cleaner {
  readonly #options: CleanerOptions;
  readonly #stopping = new AbortController();
  readonly #looping: Promise<void>;
  #round: Promise<void> = Promise.resolve();
  /** When the last segment of a partition was seen first, ms since 1970. */
  readonly #begun = new WeakMap<Segment, number>();
  #flushedAt: number;

  constructor(options: CleanerOptions) {
    this.#options = options;
    this.#flushedAt = options.clock.monotonic();
    this.#looping = options.everyMs === null ? Promise.resolve() : this.#loop(options.everyMs);
  }

  /** One round now, behind the one that may be running. Resolves when it is done or the log closes. */
  run(): Promise<void> {
    const round = this.#round.then(() => this.#clean(true));
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
        .then(() => this.#clean(false))
        .catch((error: unknown) => {
          const cause = (error as { code?: unknown }).code ?? (error as Error).name;
          log('warn', 'the log could not be cleaned; it is tried again', { cause });
        });
      await this.#round;
    }
  }

  /** @param everything also what only the write-ahead log holds */
  async #clean(everything: boolean): Promise<void> {
    const { state, flusher, clock, segmentBytes, topicConfig } = this.#options;
    if (everything || clock.monotonic() - this.#flushedAt >= FLUSH_EVERY_MS) {
      this.#flushedAt = clock.monotonic();
      if (state.recentBytes > 0) await flusher.checkpoint();
    }
    for (const partition of state.partitions()) {
      if (this.#stopping.signal.aborted) return;
      const cleanup = state.topic(partition.topic)?.settings.cleanup;
      if (cleanup === undefined) continue;
      await this.#cleanPartition(partition, rulesOf(cleanup, topicConfig(partition.topic), segmentBytes));
    }
    if (state.partitions().some(({ garbage }) => garbage.length > 0)) await flusher.checkpoint();
  }

  async #cleanPartition(partition: Partition, rules: TopicRules): Promise<void> {
    partition.segmentBytes = rules.segmentBytes;
    if (await this.#isOld(partition.segments.at(-1), rules.segmentMs)) partition.roll();
    partition.moveStart(await retentionStart(partition, rules, this.#options.clock.now()));
    partition.dropBelowStart();
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
