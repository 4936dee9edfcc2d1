/**
 * Rows of a PARTIAL_UPDATE_ROWS event as those of an UPDATE_ROWS event. Of each row: the image before; options (packed
 * number); with PARTIAL_JSON one bit for each JSON column of the table, which says that its value is a list of changes; then
 * the image after.
 */
import type { ValueReader } from './column-values.ts';
import { withDiffs } from './json-diffs.ts';
import { packedNumber } from './packed-length.ts';
import { RowImage } from './row-image.ts';
import { need, unsupported } from './source-errors.ts';

const PARTIAL_JSON = 1;

/** @param buf rows with all columns in both images, at buf[from, to) */
export function wholeRows(readers: readonly ValueReader[], buf: Buffer, from: number, to: number): Buffer {
  const parts: Buffer[] = [];
  const before = new RowImage();
  const after = new RowImage();
  const json = readers.flatMap(({ isJson }, i) => (isJson === true ? [i] : []));
  for (let at = from; at < to; ) {
    const first = at;
    at = before.read(readers, buf, at, to);
    parts.push(buf.subarray(first, at));
    const options = packedNumber(buf, at, to);
    if ((options.value & ~PARTIAL_JSON) !== 0) throw unsupported('rows were written with options that are not known');
    at = options.end;
    const bits = at;
    const isPartial = options.value === PARTIAL_JSON;
    if (isPartial) at += (json.length + 7) >> 3;
    need(at <= to);
    const partial = json.filter((_, i) => isPartial && ((buf[bits + (i >> 3)]! >> (i & 7)) & 1) === 1);
    const image = at;
    at = after.read(readers, buf, at, to);
    putImage(parts, { readers, partial, before, after, buf, image, at });
  }
  return Buffer.concat(parts);
}

interface PartialImage {
  readonly readers: readonly ValueReader[];
  /** Columns with changes in place of a value. */
  readonly partial: readonly number[];
  readonly before: RowImage;
  readonly after: RowImage;
  readonly buf: Buffer;
  /** The image after is at buf[image, at). */
  readonly image: number;
  readonly at: number;
}

/** The image after, with whole documents. */
function putImage(parts: Buffer[], { readers, partial, before, after, buf, image, at }: PartialImage): void {
  let done = image;
  for (const column of partial) {
    const changes = after.place(column);
    // A column that is NULL now has no changes.
    if (changes === null) continue;
    const old = before.place(column);
    need(old !== null);
    const value = withDiffs(buf.subarray(old.from, old.to), buf, changes.from, changes.to);
    const width = -readers[column]!.size;
    need(value.length < 256 ** width);
    const length = Buffer.alloc(width);
    length.writeUIntLE(value.length, 0, width);
    parts.push(buf.subarray(done, changes.from - width), length, value);
    done = changes.to;
  }
  parts.push(buf.subarray(done, at));
}
