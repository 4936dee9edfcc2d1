/**
 * Which columns an update may come without, and when: docs/decisions/2026-11-25-unsent-columns.md. The stream leaves a column out
 * when its value lies out of line (TOAST) and was not written by the update. A value is put there only
 *
 *   * when it takes more than 24 bytes with its header (toast_tuple_find_biggest_attribute), and
 *   * while the row, with what lies out of line counted as pointers, is longer than TOAST_TUPLE_THRESHOLD, or than the table's
 *     toast_tuple_target when one of its values lies out of line already (heapam.c, heaptoast.c).
 *
 * Both are told from the length of JSON texts, by types of which the length of the stored value is bounded by that of the text.
 */
import type { UnsentRule } from '../../src/sdk/index.ts';
import type { CatalogTable, CatalogType, WireColumn } from './catalog.ts';

/** Nothing is known: every value may be left out but NULL. */
const UNKNOWN = { aboveBytes: 0, aboveRowBytes: -1 };
const MAX_INLINE_BYTES = 24;
const TUPLE_HEADER_BYTES = 23;
/** Boundaries that values begin at, at most. */
const ALIGNMENT = 8;
const MAX_CHARACTER_BYTES = 4;
/** Four decimal digits. */
const DIGIT_GROUP_BYTES = 2;
/** Of a page, with the room for its four line pointers (MaximumBytesPerTuple). */
const PAGE_HEADER_BYTES = 40;
/** Encodings of which a character takes no more bytes than in UTF-8. */
const NARROW_ENCODING = /^(UTF8|SQL_ASCII|LATIN\d+|ISO_8859_\d+|WIN\d+|KOI8[RU])$/;

/**
 * By column, in the order of `columns`; undefined: it is always sent.
 * @param catalog as it is now; undefined: the table is gone
 * @param identity of the table; its old rows hold everything when it is full
 */
export function unsentRules(
  columns: readonly WireColumn[],
  types: readonly CatalogType[],
  keys: readonly string[],
  catalog: CatalogTable | undefined,
  identity: string,
): readonly (UnsentRule | undefined)[] {
  if (identity === 'f') return columns.map(() => undefined);
  const numbers = catalog === undefined ? null : numbersOf(columns, catalog);
  const isNarrow = catalog !== undefined && NARROW_ENCODING.test(catalog.storage.encoding) && catalog.storage.isHeap;
  const aboveRowBytes = isNarrow ? rowBound(columns, types, catalog) : -1;
  return columns.map(({ name }, i) => {
    const type = types[i]!;
    if (!type.outOfLine || keys.includes(name) || (isNarrow && isShort(type))) return undefined;
    const number = numbers?.[i];
    const known = isNarrow ? { aboveBytes: valueBound(type), aboveRowBytes } : UNKNOWN;
    return { ...known, ...(number === undefined ? {} : { number }) };
  });
}

/** Null where the catalog, which may be newer, does not have just these columns: a name may mean another one by now. */
function numbersOf(columns: readonly WireColumn[], catalog: CatalogTable): readonly number[] | null {
  const names = new Set(columns.map(({ name }) => name));
  const known = catalog.columns.filter(({ name, generated }) => !generated || names.has(name));
  const isSame =
    known.length === columns.length &&
    known.every(({ name, type }, i) => name === columns[i]!.name && type === columns[i]!.type);
  return isSame ? known.map(({ number }) => number) : null;
}

/** By its declaration no value is long enough. */
function isShort({ kind, growth, length, precision, scale = 0 }: CatalogType): boolean {
  if (growth?.factor !== 1) return false;
  if (kind === 'text') return length !== undefined && length * MAX_CHARACTER_BYTES + growth.fixed <= MAX_INLINE_BYTES;
  if (kind !== 'decimal' || precision === undefined) return false;
  const groups = Math.ceil(Math.max(0, precision - scale) / 4) + Math.ceil(Math.max(0, scale) / 4);
  return growth.fixed - 4 + groups * DIGIT_GROUP_BYTES <= MAX_INLINE_BYTES;
}

/** JSON texts have two quotes more than values that take as many bytes as they have characters. */
function valueBound({ growth }: CatalogType): number {
  if (growth === undefined || growth.factor !== 1) return 0;
  return MAX_INLINE_BYTES - growth.fixed + 2;
}

/** Bytes of JSON text of the columns that may be left out, together, in a row that surely keeps all of them. */
function rowBound(columns: readonly WireColumn[], types: readonly CatalogType[], catalog: CatalogTable): number {
  const { storage } = catalog;
  // Of columns that are not published nobody knows how long they are.
  if (columns.length !== catalog.columns.length) return -1;
  const page = Math.floor((storage.blockBytes - PAGE_HEADER_BYTES) / 4);
  const limit = Math.min(page - (page % ALIGNMENT), storage.toastTarget ?? Number.POSITIVE_INFINITY);
  let room = limit - (TUPLE_HEADER_BYTES + Math.ceil(storage.columnNumbers / 8) + ALIGNMENT);
  let factor = 1;
  for (const type of types) {
    const { growth, width } = type;
    const widest = isShort(type) ? MAX_INLINE_BYTES : width;
    if (widest === undefined && growth === undefined) return -1;
    room -= ALIGNMENT + (widest ?? growth!.fixed);
    if (widest === undefined) factor = Math.max(factor, growth!.factor);
  }
  return Math.max(-1, Math.floor(room / factor));
}
