/** How much of a table is read at a time, and how fast that goes. */
import type { Clock } from '../../src/sdk/index.ts';

/** Of a chunk. All that are read or wait to be written are in memory. */
const CHUNK_BYTES = 2 << 20;
const GUESSED_WIDTH = 200;
const MIN_ROWS = 50;
const MAX_ROWS = 200_000;
/** Weight of the last chunk in the rate. */
const NEWEST = 0.2;

export class ChunkPace {
  readonly #clock: Clock;
  readonly #fixed: number | null;
  #label = '';
  #rows = MIN_ROWS;
  /** Of the table's rows after one that was too large; doubled with each that was not. */
  #limit = MAX_ROWS;
  #since = 0;
  #rate: number | null = null;

  /** @param fixed rows of a chunk, or null: about two megabytes */
  constructor(clock: Clock, fixed: number | null) {
    this.#clock = clock;
    this.#fixed = fixed;
  }

  /** A table's turn begins. @param bytes and rows as the server thinks */
  begin(label: string, bytes: number, rows: number | null): void {
    if (label !== this.#label) this.#limit = MAX_ROWS;
    this.#label = label;
    this.#fit(rows === null || rows === 0 || bytes === 0 ? GUESSED_WIDTH : bytes / rows);
    this.#rate = null;
    this.#since = this.#clock.monotonic();
  }

  /** A chunk of that many rows was read. */
  read(rows: number, bytes: number): void {
    const now = this.#clock.monotonic();
    const rate = (rows / Math.max(1, now - this.#since)) * 1_000;
    this.#rate = this.#rate === null ? rate : this.#rate * (1 - NEWEST) + rate * NEWEST;
    this.#since = now;
    if (rows > 0) this.#fit(bytes / rows);
    this.#limit = Math.min(MAX_ROWS, this.#limit * 2);
  }

  /** A chunk was larger than what is kept in memory. */
  tooLarge(): void {
    this.#limit = Math.max(1, Math.floor(this.chunkRows / 4));
  }

  /** Rows of the next chunk. */
  get chunkRows(): number {
    return Math.min(this.#limit, this.#fixed ?? this.#rows);
  }

  /** Rows a second of the table whose turn it is; null before the first chunk, and for others. */
  rate(label: string): number | null {
    return label === this.#label ? this.#rate : null;
  }

  #fit(width: number): void {
    const rows = Math.floor(CHUNK_BYTES / Math.max(1, width));
    this.#rows = Math.min(MAX_ROWS, Math.max(MIN_ROWS, rows));
  }
}
