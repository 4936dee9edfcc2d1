/** What runs in the background of an open log: cleaning, and the search for damage. */
import type { TopicConfig } from '../contracts/log-admin.ts';
import type { Clock, Logger } from '../contracts/plugin.ts';
import type { Ballast } from './ballast.ts';
import { Cleaner, type CleanRequest } from './cleaner.ts';
import type { Flusher } from './flusher.ts';
import type { HoldLimit, HoldTable } from './holds.ts';
import { type Damage, Scrubber } from './scrubber.ts';
import type { LogState } from './state.ts';

const CLEAN_EVERY_MS = 60_000;
const SCRUB_EVERY_MS = 24 * 3_600_000;
const SCRUB_BYTES_PER_SECOND = 8 << 20;
const KEY_BYTES = 32 << 20;

export interface BackgroundSettings {
  /** Settings in the place of the topics' own. */
  readonly topicConfig?: (topic: string) => TopicConfig;
  /** Memory for the keys of a compaction. */
  readonly keyBytes?: number;
  /** What readers may keep from being deleted or compacted; default: seven days, and a fifth of the disk. */
  readonly holdLimit?: Partial<HoldLimit>;
  /** Between looks at what is to be deleted or compacted, ms; null: only when `clean` is called. */
  readonly cleanEveryMs?: number | null;
  /** Between checks of everything that is stored, ms; null (also where `cleanEveryMs` is): only when `scrub` is called. */
  readonly scrubEveryMs?: number | null;
  readonly scrubBytesPerSecond?: number;
}

export interface BackgroundOptions extends BackgroundSettings {
  readonly holdLimit: HoldLimit;
  readonly clock: Clock;
  readonly log: Logger;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

export interface BackgroundParts {
  readonly state: LogState;
  readonly flusher: Flusher;
  readonly ballast: Ballast;
  readonly holds: HoldTable;
  /** Where a topic's configuration does not say. */
  readonly segmentBytes: number;
}

export class Background {
  readonly #cleaner: Cleaner;
  readonly #scrubber: Scrubber;

  constructor(options: BackgroundOptions, { state, flusher, ballast, holds, segmentBytes }: BackgroundParts) {
    const { clock, log, random, holdLimit, cleanEveryMs, scrubEveryMs } = options;
    const cleanMs = cleanEveryMs === undefined ? CLEAN_EVERY_MS : cleanEveryMs;
    const scrubMs = cleanMs === null ? null : SCRUB_EVERY_MS;
    this.#cleaner = new Cleaner({
      state,
      flusher,
      ballast,
      clock,
      log,
      random,
      topicConfig: options.topicConfig ?? ((name) => state.topicState(name)?.config ?? {}),
      segmentBytes,
      keyBytes: options.keyBytes ?? KEY_BYTES,
      holds,
      holdLimit,
      everyMs: cleanMs,
    });
    this.#scrubber = new Scrubber({
      state,
      clock,
      log,
      everyMs: scrubEveryMs === undefined ? scrubMs : scrubEveryMs,
      bytesPerSecond: options.scrubBytesPerSecond ?? SCRUB_BYTES_PER_SECOND,
    });
  }

  clean(request?: CleanRequest): Promise<void> {
    return this.#cleaner.run(request);
  }

  /** Checks everything once, as fast as the disk gives it. Resolves to all damage found since the log was opened. */
  async scrub(): Promise<readonly Damage[]> {
    await this.#scrubber.pass(Number.POSITIVE_INFINITY);
    return this.#scrubber.found;
  }

  /** Resolves when nothing runs any more. */
  async stop(): Promise<void> {
    await Promise.all([this.#cleaner.stop(), this.#scrubber.stop()]);
  }
}
