/** How long stored values can be, by the length of their text. */

/** A value takes at most `fixed + factor × bytes of its text` bytes, its header of four bytes included. */
export interface Growth {
  readonly factor: number;
  readonly fixed: number;
}

/** As many bytes as characters: the text itself; two hexadecimal or base64 digits and more a byte; eight bits. */
const AS_TEXT: Growth = { factor: 1, fixed: 4 };
/** A decimal: up to four digits are two bytes, on both sides of the point, after eight of headers. Its text has a byte for each. */
const DECIMAL: Growth = { factor: 1, fixed: 12 };
/** `varbit`: bits, after eight bytes of headers. */
const BITS: Growth = { factor: 1, fixed: 9 };
/** `1, ` is an entry of four bytes and a number of eight; `"": 1, ` two entries. */
const JSON_TREE: Growth = { factor: 4, fixed: 24 };
/** Header, bounds of six dimensions. `1,` is up to eight bytes; `"a",` four of a header, one, and padding. */
const ELEMENTS: Growth = { factor: 4, fixed: 76 };

const GROWTHS: Readonly<Record<string, Growth>> = {
  text: AS_TEXT,
  varchar: AS_TEXT,
  bpchar: AS_TEXT,
  citext: AS_TEXT,
  json: AS_TEXT,
  xml: AS_TEXT,
  bytea: AS_TEXT,
  numeric: DECIMAL,
  bit: BITS,
  varbit: BITS,
  jsonb: JSON_TREE,
};

/** Those with at most eight bytes, or four bytes for each byte of their text. */
const ELEMENT_TYPES: readonly string[] = [
  'bool',
  'int2',
  'int4',
  'int8',
  'oid',
  'float4',
  'float8',
  'numeric',
  'text',
  'varchar',
  'bpchar',
  'citext',
  'json',
  'bytea',
  'date',
  'time',
  'timetz',
  'timestamp',
  'timestamptz',
  'interval',
  'uuid',
];

/** Undefined: not known. @param element name of the type of an array's elements, null for other types */
export function growthOf(name: string, element: string | null, elementTyptype: string | null): Growth | undefined {
  if (element !== null) return elementTyptype === 'e' || ELEMENT_TYPES.includes(element) ? ELEMENTS : undefined;
  return Object.hasOwn(GROWTHS, name) ? GROWTHS[name] : undefined;
}
