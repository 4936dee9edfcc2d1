/**
 * Reads again what is stored and checks it, at a limited rate, so that a disk that loses bits is found out while the backup
 * still has them. What is damaged is reported with its file and offsets, once; nothing is changed.
 */
import { basename } from 'node:path';
import type { Clock, Logger } from '../contracts/plugin.ts';
import type { Partition } from './partition.ts';
import type { Segment } from './segment.ts';
import type { SegmentPoint } from './segment-walk.ts';
import type { LogState } from './state.ts';

const STEP_BYTES = 1 << 20;

/** Records that cannot be read: offsets [from, to) of a partition, in the named file. */
export interface Damage {
  readonly topic: string;
  readonly partition: number;
  readonly file: string;
  readonly from: bigint;
  readonly to: bigint;
}

export interface ScrubberOptions {
  readonly state: LogState;
  readonly clock: Clock;
  readonly log: Logger;
  /** Null: only when `pass` is called. */
  readonly everyMs: number | null;
  readonly bytesPerSecond: number;
}

export class Scrubber {
  readonly #options: ScrubberOptions;
  readonly #stopping = new AbortController();
  readonly #looping: Promise<void>;
  readonly #found = new Map<string, Damage>();

  constructor(options: ScrubberOptions) {
    this.#options = options;
    this.#looping = options.everyMs === null ? Promise.resolve() : this.#loop(options.everyMs);
  }

  /** What was found since the log was opened. */
  get found(): readonly Damage[] {
    return [...this.#found.values()];
  }

  /** Reads everything once. Resolves to the bytes read; early when the log closes. */
  async pass(bytesPerSecond: number): Promise<number> {
    let bytes = 0;
    for (const partition of this.#options.state.partitions()) {
      for (const segment of [...partition.segments]) {
        if (this.#stopping.signal.aborted) return bytes;
        bytes += await this.#segment(partition, segment, bytesPerSecond);
      }
    }
    return bytes;
  }

  /** Resolves when nothing runs any more. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#looping;
  }

  async #loop(everyMs: number): Promise<void> {
    const { clock, log, bytesPerSecond } = this.#options;
    const { signal } = this.#stopping;
    for (;;) {
      const next = clock.monotonic() + everyMs;
      await clock.sleep(everyMs, signal).catch(() => {});
      if (signal.aborted) return;
      await this.pass(bytesPerSecond).catch((error: unknown) => {
        const cause = (error as { code?: unknown }).code ?? (error as Error).name;
        log('warn', 'the log could not be checked for damage', { cause });
      });
      await clock.sleep(Math.max(0, next - clock.monotonic()), signal).catch(() => {});
    }
  }

  async #segment(partition: Partition, segment: Segment, bytesPerSecond: number): Promise<number> {
    const { clock } = this.#options;
    const { signal } = this.#stopping;
    let point: SegmentPoint | null = { position: 0, offset: segment.base };
    let bytes = 0;
    while (point !== null && !signal.aborted) {
      const { position }: SegmentPoint = point;
      const end = partition.segmentEnd(segment.base);
      const checked: Awaited<ReturnType<Segment['check']>> | null = await segment
        .check(point, STEP_BYTES, end)
        .catch((error: unknown) => {
          // It was deleted or replaced meanwhile.
          if (partition.dropped || !partition.segments.includes(segment)) return null;
          throw error;
        });
      if (checked === null) return bytes;
      for (const { from, to } of checked.damaged) this.#report(partition, segment, from, to);
      const read = (checked.next?.position ?? segment.size) - position;
      bytes += read;
      point = checked.next;
      if (Number.isFinite(bytesPerSecond)) {
        await clock.sleep((1_000 * read) / bytesPerSecond, signal).catch(() => {});
      }
    }
    return bytes;
  }

  #report({ topic, partition, holes }: Partition, { path }: Segment, from: bigint, to: bigint): void {
    // Known since the start that found them lost.
    if (holes.some((hole) => hole.from <= from && to <= hole.to)) return;
    const file = `${path}.log`;
    const key = `${file}\0${from}`;
    if (this.#found.has(key)) return;
    this.#found.set(key, { topic, partition, file, from, to });
    const range = { topic, partition, from: String(from), to: String(to - 1n) };
    this.#options.log('error', 'stored records are damaged', { file: basename(file), ...range });
  }
}
