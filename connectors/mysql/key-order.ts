/**
 * The order of a table's key, in which its snapshot goes through it: as the server's index has it, and in this process for the
 * types whose order is known here.
 */
import type { CatalogColumn, CatalogTable } from './catalog.ts';
import { isWhole, kindOf } from './columns.ts';
import { quoteLiteral, quoteName } from './names.ts';

/** Canonical texts of the key columns, in key order, as the log has them. */
export type Key = readonly string[];

type KeyColumn = Pick<CatalogColumn, 'name' | 'base' | 'unsigned' | 'charset' | 'collation' | 'labels'>;

export class KeyOrder {
  /** Equal while ranges of keys mean the same. */
  readonly fingerprint: string;
  readonly names: readonly string[];
  /** For SELECT and ORDER BY. */
  readonly list: string;
  readonly #columns: readonly KeyColumn[];

  constructor(columns: readonly KeyColumn[]) {
    this.#columns = columns.map(({ name, base, unsigned, charset, collation, labels }) => {
      return { name, base, unsigned, charset, collation, labels };
    });
    this.fingerprint = JSON.stringify(this.#columns);
    this.names = columns.map(({ name }) => name);
    this.list = this.names.map(quoteName).join(', ');
  }

  static parse(fingerprint: string): KeyOrder {
    return new KeyOrder(JSON.parse(fingerprint) as readonly KeyColumn[]);
  }

  static of({ columns, primaryKey }: CatalogTable): KeyOrder {
    return new KeyOrder(primaryKey.map((name) => columns.find((column) => column.name === name)!));
  }

  /** True where the server has to be asked which of two keys comes first. */
  get isForeign(): boolean {
    return this.#columns.some((column) => comparison(column) === null);
  }

  /** What holds for the rows behind `from` up to `to`; null where nothing bounds it. */
  within(from: Key | null, to: Key | null): string | null {
    const names = this.names.map(quoteName);
    const bounds = [
      ...(from === null ? [] : [`(${behind(names, this.#literals(from))})`]),
      ...(to === null ? [] : [`(${upTo(names, this.#literals(to))})`]),
    ];
    return bounds.length === 0 ? null : bounds.join(' AND ');
  }

  /** What holds for the rows with these keys. */
  among(keys: readonly Key[]): string {
    const names = this.names.map(quoteName);
    const equal = (key: Key) => this.#literals(key).map((value, i) => `${names[i]} = ${value}`);
    return keys.length === 0 ? 'FALSE' : keys.map((key) => `(${equal(key).join(' AND ')})`).join(' OR ');
  }

  /** SQL: 1 when the first key comes behind the other, else 0. */
  isBehind(key: Key, other: Key): string {
    return `(${behind(this.#literals(key), this.#literals(other))})`;
  }

  /** Negative, 0 or positive; null where only the server knows. */
  compare(a: Key, b: Key): number | null {
    for (const [i, column] of this.#columns.entries()) {
      const compares = comparison(column);
      if (compares === null) return null;
      const order = compares(a[i]!, b[i]!);
      if (order !== 0) return order;
    }
    return 0;
  }

  #literals(key: Key): string[] {
    return this.#columns.map((column, i) => literalOf(column, key[i]!));
  }
}

/** Not as a comparison of rows, which the servers do not look up in the index. */
function behind(left: readonly string[], right: readonly string[]): string {
  return cases(left, right, () => '>');
}

function upTo(left: readonly string[], right: readonly string[]): string {
  return cases(left, right, (isLast) => (isLast ? '<=' : '<'));
}

function cases(left: readonly string[], right: readonly string[], sign: (isLast: boolean) => string): string {
  const all = left.map((one, i) => {
    const equal = left.slice(0, i).map((before, k) => `${before} = ${right[k]}`);
    return [...equal, `${one} ${sign(i === left.length - 1)} ${right[i]}`].join(' AND ');
  });
  return all.map((one) => `(${one})`).join(' OR ');
}

type Comparison = (a: string, b: string) => number;

const byNumber: Comparison = (a, b) => {
  const [one, other] = [BigInt(a), BigInt(b)];
  return one < other ? -1 : one > other ? 1 : 0;
};
const byText: Comparison = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
const byBytes: Comparison = (a, b) => Buffer.compare(Buffer.from(a, 'base64'), Buffer.from(b, 'base64'));

function comparison(column: KeyColumn): Comparison | null {
  if (isWhole(column)) return byNumber;
  switch (kindOf(column)) {
    case 'bytes':
      return byBytes;
    case 'date':
    case 'timestamp':
    case 'timestamptz':
      // Years have four digits.
      return byText;
    default:
      return null;
  }
}

/** The value as an expression that compares as the column does, also without the column. */
function literalOf(column: KeyColumn, text: string): string {
  const { base, charset, collation, labels } = column;
  switch (kindOf(column)) {
    case 'bytes':
      return `X'${Buffer.from(text, 'base64').toString('hex')}'`;
    case 'float32':
      return `${Math.fround(Number(text))}E0`.replace(/(e[+-]?\d+)E0$/, '$1');
    case 'float64':
      return `${Number(text)}E0`.replace(/(e[+-]?\d+)E0$/, '$1');
    case 'bits':
      return String(BigInt(`0b${text}`));
    case 'enum':
      // Its order is that of the numbers.
      return String(labels.indexOf(text) + 1);
    case 'time':
      return `CAST(${quoteLiteral(text)} AS TIME(6))`;
    case 'timestamp':
    case 'timestamptz':
      return quoteLiteral(text.replace('T', ' ').replace('Z', ''));
    case 'text':
      if (base === 'set') return setNumber(labels, text);
      return `CONVERT(_utf8mb4${quoteLiteral(text)} USING ${word(charset)}) COLLATE ${word(collation)}`;
    default:
      return /^-?\d+(\.\d+)?$/.test(text) ? text : quoteLiteral(text);
  }
}

function setNumber(labels: readonly string[], text: string): string {
  const chosen = new Set(text.split(','));
  return String(labels.reduce((sum, label, bit) => sum + (chosen.has(label) ? 1n << BigInt(bit) : 0n), 0n));
}

const word = (name: string): string => name.replace(/\W/g, '');
