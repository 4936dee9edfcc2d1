/**
 * One change as one line of JSON. Values are copied as they stand in the record, not parsed (Invariant 9).
 *
 *   {"op":"c|u|d|r","table":"schema.table","key":{…},"before":{…}|null,"after":{…}|null,
 *    "ts_us":n,"version":"n","lsn":"…","topic":"…","offset":n}
 *
 * Columns that were not sent are absent. Markers have `"op":"t"`, `"snapshot-begin"` or `"snapshot-end"`, no key and no
 * rows; `snapshot-end` has `"sweep_below"`: rows of the table with a lower version are gone.
 */
import type { Change, Row, SinkRecord } from '../../src/sdk/index.ts';
import { OP_LETTERS } from '../../src/sdk/target/op-letters.ts';

/** Bytes of lines, to be written in one piece. */
export class LineBuffer {
  #buffer = Buffer.allocUnsafe(64 * 1024);
  #length = 0;
  readonly #names = new WeakMap<object, readonly Buffer[]>();
  readonly #tables = new WeakMap<object, string>();

  get length(): number {
    return this.#length;
  }

  /** The lines so far; valid until the next `add`. */
  take(): Buffer {
    const taken = this.#buffer.subarray(0, this.#length);
    this.#length = 0;
    return taken;
  }

  add({ change, topic, offset }: SinkRecord): void {
    this.#text(`{"op":"${OP_LETTERS[change.op]}","table":${this.#tableOf(change)}`);
    if (isRow(change)) {
      this.#text(`,"key":${change.key},"before":`);
      this.#row(change.before);
      this.#text(',"after":');
      this.#row(change.after);
    } else if (change.sweepBelow !== undefined) this.#text(`,"sweep_below":"${change.sweepBelow}"`);
    this.#text(
      `,"ts_us":${change.timeUs},"version":"${change.version}","lsn":${JSON.stringify(change.position)},` +
        `"topic":${JSON.stringify(topic)},"offset":${offset}}\n`,
    );
  }

  #row(row: Row | null): void {
    if (row === null) {
      this.#text('null');
      return;
    }
    const names = this.#namesOf(row);
    let separator = '{';
    for (let i = 0; i < names.length; i++) {
      const value = row.bytes(i);
      if (value === undefined) continue;
      this.#text(separator);
      this.#bytes(names[i]!);
      this.#bytes(value);
      separator = ',';
    }
    this.#text(separator === '{' ? '{}' : '}');
  }

  #namesOf({ columns }: Row): readonly Buffer[] {
    let names = this.#names.get(columns);
    if (names === undefined) {
      names = columns.map(({ name }) => Buffer.from(`${JSON.stringify(name)}:`));
      this.#names.set(columns, names);
    }
    return names;
  }

  #tableOf({ table }: Change): string {
    let name = this.#tables.get(table);
    if (name === undefined) this.#tables.set(table, (name = JSON.stringify(`${table.schema}.${table.table}`)));
    return name;
  }

  #text(text: string): void {
    this.#reserve(text.length * 3);
    this.#length += this.#buffer.write(text, this.#length);
  }

  #bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#length + bytes, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}

function isRow({ op }: Change): boolean {
  return op === 'insert' || op === 'update' || op === 'delete' || op === 'snapshot';
}
