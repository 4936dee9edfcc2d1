/**
 * A range of a table's key while it is read, beside the stream: docs/decisions/2026-11-25-mysql-snapshot.md. It collects what the
 * stream says of its keys from a moment before its snapshot was begun until the stream is past all that the snapshot may see;
 * that counts, in place of what was read.
 */
import type { RowWriter, TableSchema } from '../../src/sdk/index.ts';
import type { ColumnText } from './column-text.ts';
import type { Key } from './key-order.ts';
import { KeyTexts, keyText } from './key-texts.ts';
import { ResultSet } from './result-set.ts';
import { RowImage } from './row-image.ts';
import type { Bound } from './source-progress.ts';
import type { StreamTable } from './stream-tables.ts';

/** Invariant 10: beyond it, the range is read again. */
const MAX_STREAMED_BYTES = 8 << 20;
/** Of a key whose row is not kept. */
const KEY_BYTES = 64;

interface Image {
  readonly table: StreamTable;
  readonly bytes: Buffer;
}

/** Rows of the text protocol, in pieces of the buffers in which they came. */
interface Piece {
  readonly buf: Buffer;
  readonly places: number[];
}

/** What its snapshot was. */
export interface ChunkSnapshot {
  readonly id: string;
  /** Whatever the snapshot sees ends before it in the binary log. */
  readonly until: Bound;
  /** Source's clock, µs since 1970. */
  readonly timeUs: number;
  readonly schema: TableSchema;
  readonly texts: readonly ColumnText[];
  /** Places of the key's columns, in key order. */
  readonly keys: readonly number[];
  /** Keys that were asked for and have no row. */
  readonly absent: readonly Key[];
}

export class PendingChunk {
  readonly from: Key | null;
  readonly to: Key | null;
  /** Set when all of its rows are there. */
  snapshot: ChunkSnapshot | null = null;
  #pieces: Piece[] = [];
  #rows = 0;
  #bytes = 0;
  /** By key: the row as it is now; null: there is none. */
  readonly #streamed = new Map<string, Image | null>();
  #streamedBytes = 0;
  #stale = false;
  /** By key, in whatever range: true once the stream has said something of it. */
  readonly #watched: Map<string, boolean>;

  /** @param watched keys, of any range, of which the end asks whether the stream has changed them meanwhile */
  constructor(from: Key | null, to: Key | null, watched: readonly Key[] = []) {
    this.from = from;
    this.to = to;
    this.#watched = new Map(watched.map((key) => [keyText(key), false]));
  }

  /** It can not be used: the range has to be read again. */
  get isStale(): boolean {
    return this.#stale;
  }

  spoil(): void {
    this.#stale = true;
    this.#pieces = [];
    this.#streamed.clear();
  }

  get bytes(): number {
    return this.#bytes;
  }

  get rows(): number {
    return this.#rows;
  }

  /** One row of the text protocol at buf[from, to), which is kept. */
  add(buf: Buffer, from: number, to: number): void {
    if (this.#stale) return;
    let last = this.#pieces.at(-1);
    if (last?.buf !== buf) {
      last = { buf, places: [] };
      this.#pieces.push(last);
    }
    last.places.push(from, to);
    this.#rows++;
    this.#bytes += to - from;
  }

  /** The stream says what the row of this key is now; null: there is none. The bytes are kept. */
  streams(key: Key, image: Image | null): void {
    if (this.#stale) return;
    this.#streamed.set(keyText(key), image);
    this.#streamedBytes += KEY_BYTES + (image?.bytes.length ?? 0);
    if (this.#streamedBytes > MAX_STREAMED_BYTES) this.spoil();
  }

  /** The stream changes the row of this key, in whatever range it is. */
  touched(key: Key): void {
    if (this.#watched.size > 0 && this.#watched.has(keyText(key))) this.#watched.set(keyText(key), true);
  }

  /** Of the watched keys. */
  wasTouched(key: Key): boolean {
    return this.#watched.get(keyText(key)) ?? true;
  }

  /** True when the stream has said something of the key. */
  has(key: Key): boolean {
    return this.#streamed.has(keyText(key));
  }

  /** False when the stream has rows of another version of the table. */
  get isWhole(): boolean {
    const id = this.snapshot?.schema.id;
    for (const image of this.#streamed.values()) if (image !== null && image.table.schema.id !== id) return false;
    return id !== undefined;
  }

  /**
   * Writes the rows that were read and not streamed since; with `streamed` also the new ones, so that the range is written as it is
   * now. Yields after some bytes the number of rows since.
   */
  *write(writer: RowWriter, streamed: boolean, onRow: () => void): Generator<number> {
    const { texts, keys } = this.snapshot!;
    let rows = 0;
    let bytes = 0;
    for (const { buf, places } of this.#pieces) {
      for (let i = 0; i < places.length; i += 2) {
        const [from, to] = [places[i]!, places[i + 1]!];
        if (this.#streamed.size > 0 && this.has(keyOfRow(texts, keys, buf, from, to))) continue;
        onRow();
        writer.begin('r');
        writer.side('after');
        ResultSet.write(writer, texts, buf, from, to);
        writer.end();
        rows++;
        bytes += to - from;
        if (bytes < YIELD_BYTES) continue;
        yield rows;
        [rows, bytes] = [0, 0];
      }
    }
    yield rows + (streamed ? this.#writeStreamed(writer, onRow) : 0);
  }

  #writeStreamed(writer: RowWriter, onRow: () => void): number {
    let rows = 0;
    const row = new RowImage();
    for (const image of this.#streamed.values()) {
      if (image === null) continue;
      onRow();
      const { table, bytes } = image;
      row.read(table.readers, bytes, 0, bytes.length);
      writer.begin('r');
      writer.side('after');
      row.write(table.readers, writer, bytes);
      writer.end();
      rows++;
    }
    return rows;
  }
}

const YIELD_BYTES = 256 * 1024;

const collected = new KeyTexts();

function keyOfRow(
  texts: readonly ColumnText[],
  keys: readonly number[],
  buf: Buffer,
  from: number,
  to: number,
): string[] {
  const found = new Map<number, string>();
  let column = 0;
  ResultSet.each(texts.length, buf, from, to, (at, end) => {
    if (keys.includes(column)) {
      texts[column]!(collected, column, buf, at, end);
      found.set(column, collected.take()[0]!);
    }
    column++;
  });
  return keys.map((key) => found.get(key)!);
}
