/** What of one table's stream is left to its snapshot, by the key: docs/decisions/2026-11-25-mysql-snapshot.md. */
import { type Key, KeyOrder } from './key-order.ts';
import { keyText } from './key-texts.ts';
import type { PendingChunk } from './pending-chunk.ts';
import type { Rows } from './rows.ts';
import type { SnapshotState } from './snapshot-state.ts';
import type { StreamTable } from './stream-tables.ts';

/** Keys that the server is asked for at once. */
const MAX_ASKED = 500;
const MAX_PLACES = 20_000;

export class TableCoverage {
  readonly #rows: Rows;
  readonly #order: KeyOrder | null;
  readonly #isInitial: boolean;
  /** Where the rows end that were read. */
  readonly #frontier: Key | null;
  #chunks: readonly PendingChunk[] = [];
  /** Rising: the frontier, then the ends of the chunks. */
  #bounds: readonly Key[];
  /** Of keys whose order only the server knows: how many bounds are below. */
  readonly #places = new Map<string, number>();
  /** @param state undefined: nothing of the table was read yet, and all of it will be */
  constructor(state: SnapshotState | undefined, rows: Rows) {
    this.#rows = rows;
    this.#order = state === undefined ? null : KeyOrder.parse(state.key);
    this.#isInitial = state === undefined || state.kind === 'initial';
    this.#frontier = state?.to ?? null;
    this.#bounds = this.#frontier === null ? [] : [this.#frontier];
  }

  /** Nothing of the table was read or streamed yet. */
  get isUntouched(): boolean {
    return this.#isInitial && this.#frontier === null;
  }

  /** False when the table has another key than when it was read. */
  hasKey(names: readonly string[]): boolean {
    return this.#order === null || this.#order.names.join('\0') === names.join('\0');
  }

  /** Ranges that are being read, in key order, the first from where the rows end that were read. Not within a transaction. */
  reading(chunks: readonly PendingChunk[]): void {
    this.#chunks = chunks;
    const ends = chunks.flatMap(({ to }) => (to === null ? [] : [to]));
    this.#bounds = this.#frontier === null ? ends : [this.#frontier, ...ends];
    this.#places.clear();
  }

  get chunks(): readonly PendingChunk[] {
    return this.#chunks;
  }

  /** What was read so far of the table may be another table's, or other columns'. */
  spoil(): void {
    for (const chunk of this.#chunks) chunk.spoil();
  }

  /** Keys that `takes` can not place before `learn` is through. */
  isForeign(key: Key): boolean {
    return this.#placeHere(key) === undefined && !this.#places.has(keyText(key));
  }

  /** Asks the server where these keys belong. */
  async learn(keys: readonly Key[]): Promise<void> {
    if (this.#places.size > MAX_PLACES) this.#places.clear();
    const order = this.#order!;
    for (let at = 0; at < keys.length; at += MAX_ASKED) {
      const asked = keys.slice(at, at + MAX_ASKED);
      const place = (key: Key) => this.#bounds.map((bound) => order.isBehind(key, bound)).join(' + ');
      // As many bounds lie below the key as ranges come before its own.
      const sql = asked.map((key, i) => `SELECT ${i} AS i, ${place(key)} AS place`).join(' UNION ALL ');
      for (const { i, place: found } of await this.#rows<{ i: string; place: string }>(sql)) {
        this.#places.set(keyText(asked[Number(i)]!), Number(found));
      }
    }
  }

  /**
   * The stream changes the row of this key. True: it is delivered. False: the reading has it, or will have it.
   *
   * @param image the row as it is now; null: it is deleted
   */
  takes(key: Key, table: StreamTable, image: (() => Buffer) | null): boolean {
    for (const chunk of this.#chunks) chunk.touched(key);
    const place = this.#placeHere(key) ?? this.#places.get(keyText(key))!;
    const read = this.#frontier === null ? 0 : 1;
    if (place < read) return true;
    const chunk = this.#chunks[place - read];
    if (chunk?.isStale === false) {
      chunk.streams(key, image === null ? null : { table, bytes: image() });
    }
    return !this.#isInitial;
  }

  /** How many bounds are below the key; undefined where only the server knows. */
  #placeHere(key: Key): number | undefined {
    for (const [i, bound] of this.#bounds.entries()) {
      const order = this.#order?.compare(key, bound);
      if (order === undefined || order === null) return undefined;
      if (order <= 0) return i;
    }
    return this.#bounds.length;
  }
}
