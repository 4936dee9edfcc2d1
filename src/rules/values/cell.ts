/** Values inside expressions, and how they come out of and go back into rows. */
import type { Value } from '../../contracts/row.ts';
import type { Kind } from '../../contracts/schema.ts';
import { fail } from '../fail.ts';
import { type Decimal, decimalOfInteger, decimalOfText, decimalText } from './decimal.ts';
import { shortest } from './float.ts';

/**
 * As `Value`, but decimals are numbers to reckon with and `real` has its own precision. Null is SQL's NULL. Undefined is "not
 * sent": the value is not known and is not NULL (Invariant 9).
 */
export type Cell = undefined | null | boolean | number | bigint | string | Uint8Array | Decimal | readonly Value[];

/** A value that is there. */
export type Present = NonNullable<Cell>;

export interface Codec {
  read(value: NonNullable<Value>): Present;
  /** As `Row.get` gives it. */
  value(cell: Present): NonNullable<Value>;
  /** As `Row.bytes` gives it (DESIGN § 6, Value). */
  json(cell: Present): string;
  /** The cell is text, and `json` nothing but its JSON string. */
  readonly isText?: true;
}

/** Text as JSON string. */
const STRING: Codec = {
  read: (value) => (typeof value === 'string' ? value : fail('a text is not valid UTF-8')),
  value: (cell) => cell as string,
  json: (cell) => JSON.stringify(cell),
  isText: true,
};

const PLAIN: Codec = {
  read: (value) => value as Present,
  value: (cell) => cell as NonNullable<Value>,
  json: (cell) => String(cell),
};

const DECIMAL: Codec = {
  read: (value) => decimalOfText(value as string),
  value: (cell) => decimalText(cell as Decimal),
  json: (cell) => `"${decimalText(cell as Decimal)}"`,
};

const UINT64: Codec = { ...DECIMAL, read: (value) => decimalOfInteger(value as bigint) };

/** NaN and the infinities, which JSON lacks, are strings. */
const floatJson = (text: string) => (/^-?\d/.test(text) ? text : `"${text}"`);

const FLOAT64: Codec = { ...PLAIN, json: (cell) => floatJson(shortest(cell as number, 'float64')) };

const FLOAT32: Codec = {
  read: (value) => Math.fround(value as number),
  value: (cell) => Number(shortest(cell as number, 'float32')),
  json: (cell) => floatJson(shortest(cell as number, 'float32')),
};

const BYTES: Codec = {
  read: (value) => value as Uint8Array,
  value: (cell) => cell as Uint8Array,
  json(cell) {
    const { buffer, byteOffset, length } = cell as Uint8Array;
    return `"${Buffer.from(buffer, byteOffset, length).toString('base64')}"`;
  },
};

/** Elements as in `Row.bytes`; the text of an element that is not UTF-8 as `{"$bytes":…}`. */
export function arrayJson(value: readonly Value[], element?: Kind): string {
  const items = value.map((item) => {
    if (item === null) return 'null';
    if (item instanceof Uint8Array) return element === 'bytes' ? BYTES.json(item) : `{"$bytes":${BYTES.json(item)}}`;
    if (typeof item === 'number') return floatJson(shortest(item, 'float64'));
    return typeof item === 'object'
      ? arrayJson(item, element)
      : typeof item === 'bigint'
        ? String(item)
        : JSON.stringify(item);
  });
  return `[${items.join(',')}]`;
}

const CODECS: Partial<Record<Kind, Codec>> = {
  bool: PLAIN,
  int16: PLAIN,
  int32: PLAIN,
  int64: PLAIN,
  uint64: UINT64,
  decimal: DECIMAL,
  float32: FLOAT32,
  float64: FLOAT64,
  bytes: BYTES,
};

/** @param element of an array */
export function codecOf(kind: Kind, element?: Kind): Codec {
  if (kind === 'array') return { ...PLAIN, json: (cell) => arrayJson(cell as readonly Value[], element) };
  return CODECS[kind] ?? STRING;
}
