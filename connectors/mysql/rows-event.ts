/** Rows events: inserted, updated and deleted rows of one table, in all their versions. */
import { EventType, inflated } from './binlog-event.ts';
import type { TableCoverage } from './coverage.ts';
import type { Key } from './key-order.ts';
import { KeyTexts } from './key-texts.ts';
import type { Wait } from './packet-socket.ts';
import { wholeRows } from './partial-rows.ts';
import { RowImage } from './row-image.ts';
import { need, unsupported } from './source-errors.ts';
import type { StreamTable } from './stream-tables.ts';

export interface RowsForm {
  readonly op: 'insert' | 'update' | 'delete';
  /** Version 2 has more data behind table and flags. */
  readonly extra: boolean;
  readonly compressed: boolean;
  /** JSON columns may have changes in place of their values. */
  readonly partial?: true;
}

const form = (op: RowsForm['op'], extra: boolean, compressed: boolean): RowsForm => ({ op, extra, compressed });

const FORMS: ReadonlyMap<number, RowsForm> = new Map([
  [EventType.WRITE_ROWS, form('insert', true, false)],
  [EventType.UPDATE_ROWS, form('update', true, false)],
  [EventType.DELETE_ROWS, form('delete', true, false)],
  [EventType.PARTIAL_UPDATE_ROWS, { ...form('update', true, false), partial: true }],
  [EventType.WRITE_ROWS_V1, form('insert', false, false)],
  [EventType.UPDATE_ROWS_V1, form('update', false, false)],
  [EventType.DELETE_ROWS_V1, form('delete', false, false)],
  [EventType.WRITE_ROWS_COMPRESSED_V1, form('insert', false, true)],
  [EventType.UPDATE_ROWS_COMPRESSED_V1, form('update', false, true)],
  [EventType.DELETE_ROWS_COMPRESSED_V1, form('delete', false, true)],
  [EventType.WRITE_ROWS_COMPRESSED, form('insert', true, true)],
  [EventType.UPDATE_ROWS_COMPRESSED, form('update', true, true)],
  [EventType.DELETE_ROWS_COMPRESSED, form('delete', true, true)],
]);

/** Table (6) and flags (2). */
const POST_HEADER_BYTES = 8;

export class RowsEvents {
  readonly #before = new RowImage();
  readonly #after = new RowImage();
  readonly #open: (label: string) => void;

  /** @param open called before each row is written */
  constructor(open: (label: string) => void) {
    this.#open = open;
  }

  static form(type: number): RowsForm | undefined {
    return FORMS.get(type);
  }

  /** The event's body at buf[from, to). @param coverage absent: all of the table's changes are delivered */
  take(
    { op, extra, compressed, partial }: RowsForm,
    table: StreamTable,
    coverage: TableCoverage | undefined,
    buf: Buffer,
    from: number,
    to: number,
  ): Wait {
    let at = from + POST_HEADER_BYTES;
    if (extra) {
      need(at + 2 <= to);
      at += buf.readUInt16LE(at);
    }
    need(at < to);
    const count = table.readers.length;
    const width = buf[at]! < 0xfb ? buf[at]! : buf[at] === 0xfc && at + 3 <= to ? buf.readUInt16LE(at + 1) : -1;
    at += buf[at]! < 0xfb ? 1 : 3;
    need(width === count);
    for (let maps = op === 'update' ? 2 : 1; maps > 0; maps--) at = allColumns(table, buf, at, to);
    let rows = buf;
    if (compressed) rows = inflated(buf, at, to);
    else if (partial) rows = wholeRows(table.readers, buf, at, to);
    const [start, end] = rows === buf ? [at, to] : [0, rows.length];
    if (coverage === undefined) return this.#rows(op, table, rows, start, end);
    const unknown = this.#foreignKeys(op, table, coverage, rows, start, end);
    const go = () => this.#covered(op, table, coverage, rows, start, end);
    return unknown.length === 0 ? go() : coverage.learn(unknown).then(go);
  }

  #rows(op: RowsForm['op'], table: StreamTable, buf: Buffer, from: number, to: number): undefined {
    for (let at = from; at < to; ) {
      at = this.#read(op, table, buf, at, to);
      this.#open(table.label);
      if (op === 'update') this.#update(table, buf);
      else if (op === 'insert') this.#write(table, buf, 'c');
      else this.#write(table, buf, 'd');
    }
  }

  /** Reads one row's images. Returns the place behind it. */
  #read(op: RowsForm['op'], { readers }: StreamTable, buf: Buffer, from: number, to: number): number {
    let at = from;
    if (op !== 'insert') at = this.#before.read(readers, buf, at, to);
    if (op !== 'delete') at = this.#after.read(readers, buf, at, to);
    return at;
  }

  /** Those whose place only the server knows. */
  #foreignKeys(
    op: RowsForm['op'],
    table: StreamTable,
    coverage: TableCoverage,
    buf: Buffer,
    from: number,
    to: number,
  ): Key[] {
    const found: Key[] = [];
    for (let at = from; at < to; ) {
      at = this.#read(op, table, buf, at, to);
      for (const image of imagesOf(op, this.#before, this.#after)) {
        const key = keyOf(image, table, buf);
        if (coverage.isForeign(key)) found.push(key);
      }
    }
    return found;
  }

  /** Changes that the reading of the table has, or will have, are left out. */
  #covered(
    op: RowsForm['op'],
    table: StreamTable,
    coverage: TableCoverage,
    buf: Buffer,
    from: number,
    to: number,
  ): undefined {
    for (let at = from; at < to; ) {
      at = this.#read(op, table, buf, at, to);
      const after = () => this.#after.copy(buf);
      const isMoved = op === 'update' && table.keys.some((key) => !this.#before.equals(this.#after, key, buf));
      const leaves = op === 'delete' || isMoved;
      const old = leaves && coverage.takes(keyOf(this.#before, table, buf), table, null);
      const now = op !== 'delete' && coverage.takes(keyOf(this.#after, table, buf), table, after);
      if (old || now) this.#open(table.label);
      if (old) this.#write(table, buf, 'd');
      if (!now) continue;
      if (op === 'update' && !isMoved) this.#update(table, buf);
      else this.#write(table, buf, 'c');
    }
  }

  #write(table: StreamTable, buf: Buffer, op: 'c' | 'd'): void {
    const { writer, readers } = table;
    writer.begin(op);
    writer.side(op === 'c' ? 'after' : 'before');
    (op === 'c' ? this.#after : this.#before).write(readers, writer, buf);
    writer.end();
  }

  /** A changed key is a delete of the old and an insert of the new row. */
  #update(table: StreamTable, buf: Buffer): void {
    const { writer, readers, keys } = table;
    for (const key of keys) {
      if (this.#before.equals(this.#after, key, buf)) continue;
      this.#write(table, buf, 'd');
      this.#write(table, buf, 'c');
      return;
    }
    writer.begin('u');
    writer.side('before');
    this.#before.write(readers, writer, buf);
    writer.side('after');
    this.#after.write(readers, writer, buf);
    writer.end();
  }
}

function imagesOf(op: RowsForm['op'], before: RowImage, after: RowImage): readonly RowImage[] {
  return op === 'insert' ? [after] : op === 'delete' ? [before] : [before, after];
}

const texts = new KeyTexts();

function keyOf(image: RowImage, { readers, keys }: StreamTable, buf: Buffer): Key {
  for (const key of keys) image.writeOne(readers, texts, buf, key);
  return texts.take();
}

/** Bits of the columns that the images have. Invariant 9: a column that is not there is not NULL. */
function allColumns({ label, readers }: StreamTable, buf: Buffer, at: number, to: number): number {
  const count = readers.length;
  const end = at + ((count + 7) >> 3);
  need(end <= to);
  for (let i = 0; i < count; i++) {
    if (((buf[at + (i >> 3)]! >> (i & 7)) & 1) === 1) continue;
    throw unsupported(
      `rows of ${label} were written without all of their columns (binlog_row_image is not FULL)`,
      'SET GLOBAL binlog_row_image = FULL, and in the sessions that set another; then set `on_gap: resnapshot` on the source',
    );
  }
  return end;
}
