/** How long changes take to the target, and where. */
import type { DeliveryTimes } from '../contracts/measures.ts';
import { Histogram } from '../lib/histogram.ts';
import type { ReadRecord } from './sink-reader.ts';

/** Changes with the same times. */
interface Run {
  readonly committedMs: number;
  readonly writtenMs: number;
  readonly takenMs: number;
  count: number;
}

/** Of changes that the target has not acknowledged: more are left out (Invariant 10). */
const MAX_RUNS = 10_000;

export class DeliveryClock {
  readonly #total = new Histogram();
  readonly #capture = new Histogram();
  readonly #queue = new Histogram();
  readonly #sink = new Histogram();
  #runs: Run[] = [];

  /** What was taken and not acknowledged comes again. */
  restart(): void {
    this.#runs = [];
  }

  /** Records that the sink begins to deliver. @param takenMs ms since 1970 */
  take(records: readonly ReadRecord[], takenMs: number): void {
    for (const { change, raw, origin } of records) {
      // Rows of a snapshot have no commit, dead letters a long way behind them.
      if (change === null || change.transaction === '' || origin !== undefined) continue;
      const committedMs = change.timeUs / 1_000;
      const last = this.#runs.at(-1);
      const isSame = last?.committedMs === committedMs && last.writtenMs === raw.timestamp && last.takenMs === takenMs;
      if (isSame) last.count++;
      else if (this.#runs.length < MAX_RUNS) {
        this.#runs.push({ committedMs, writtenMs: raw.timestamp, takenMs, count: 1 });
      }
    }
  }

  /** The target has acknowledged all of them. @param nowMs ms since 1970 */
  acknowledged(nowMs: number): void {
    for (const { committedMs, writtenMs, takenMs, count } of this.#runs) {
      this.#total.add(seconds(committedMs, nowMs), count);
      this.#capture.add(seconds(committedMs, writtenMs), count);
      this.#queue.add(seconds(writtenMs, takenMs), count);
      this.#sink.add(seconds(takenMs, nowMs), count);
    }
    this.#runs = [];
  }

  get times(): DeliveryTimes {
    return {
      total: this.#total.value,
      capture: this.#capture.value,
      queue: this.#queue.value,
      sink: this.#sink.value,
    };
  }
}

/** The clock of a source may be ahead of ours. */
function seconds(fromMs: number, toMs: number): number {
  return Math.max(0, toMs - fromMs) / 1_000;
}
