/** How much of a table is read at a time, and how fast that goes. */
import type { Clock } from '../../src/sdk/index.ts';

/** The stream stands still for about as long. */
const ROUND_MS = 250;
const FIRST_CHUNK_BYTES = 4 << 20;
const MIN_ROWS = 1_000;
const MAX_ROWS = 500_000;
/** Weight of the last round in the rate. */
const NEWEST = 0.2;

export interface TablePace {
  readonly rowsPerSecond: number | null;
}

export class SnapshotPace {
  readonly #clock: Clock;
  readonly #fixed: number | null;
  #label = '';
  #rows = MIN_ROWS;
  #since = 0;
  #rate: number | null = null;

  /** @param fixed rows of a chunk, or null: as many as are read in a quarter of a second */
  constructor(clock: Clock, fixed: number | null) {
    this.#clock = clock;
    this.#fixed = fixed;
  }

  /** A table's turn begins. @param rows as estimated */
  begin(label: string, bytes: number, rows: number | null): void {
    const width = bytes / Math.max(1, rows ?? 0);
    this.#label = label;
    this.#rows = clamp(Math.floor(FIRST_CHUNK_BYTES / Math.max(1, width)));
    this.#rate = null;
    this.#since = this.#clock.monotonic();
  }

  /** A round of that many rows was read while the stream was held. */
  read(label: string, rows: number, heldMs: number): void {
    if (label !== this.#label) return;
    const now = this.#clock.monotonic();
    const rate = (rows / Math.max(1, now - this.#since)) * 1_000;
    this.#rate = this.#rate === null ? rate : this.#rate * (1 - NEWEST) + rate * NEWEST;
    this.#since = now;
    const factor = Math.min(2, Math.max(0.5, ROUND_MS / Math.max(1, heldMs)));
    this.#rows = clamp(Math.floor(this.#rows * factor));
  }

  /** Rows of the next chunk. */
  get chunkRows(): number {
    return this.#fixed ?? this.#rows;
  }

  /** Rows a second of the table whose turn it is; null before the first round, and for others. */
  rate(label: string): number | null {
    return label === this.#label ? this.#rate : null;
  }
}

const clamp = (rows: number) => Math.min(MAX_ROWS, Math.max(MIN_ROWS, rows));
