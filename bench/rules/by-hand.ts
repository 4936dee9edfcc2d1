/** What somebody would write by hand for exactly this table and these steps, in two ways. */

import type { Convert, Delete } from './ways.ts';
import { BOX, BULK, MIN_PRICE } from './workload.ts';

interface Product {
  id: number;
  name: string;
  price_cents: number;
  quantity: number;
  published: boolean;
  email: string;
  notes?: string;
  total?: number;
  size?: string;
}

interface Envelope {
  before: Pick<Product, 'id'> | null;
  after: Product | null;
  op: string;
}

const HIDDEN = '****';

function hidden(text: string): string {
  return text.length >= 8 ? HIDDEN + text.slice(-4) : HIDDEN;
}

export const byObjects: Convert = (value) => {
  const envelope = JSON.parse(value.toString()) as Envelope;
  const row = envelope.after!;
  if (!row.published || row.price_cents < MIN_PRICE) return null;
  delete row.notes;
  row.name = row.name.toUpperCase();
  row.total = row.price_cents * row.quantity;
  row.size = row.quantity > BULK ? 'bulk' : row.quantity > BOX ? 'box' : 'single';
  row.email = hidden(row.email);
  return Buffer.from(JSON.stringify(envelope));
};

export const deleteByObjects: Delete = (value, key) => {
  const envelope = JSON.parse(value.toString()) as Envelope;
  envelope.before = JSON.parse(key.toString()) as Pick<Product, 'id'>;
  envelope.after = null;
  envelope.op = 'd';
  return Buffer.from(JSON.stringify(envelope));
};

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const ZERO = 0x30;
const LETTER_T = 0x74;
const START = Buffer.from('{"before":null,"after":');
const out = Buffer.allocUnsafe(1 << 16);

/** Behind the value that starts at `at`. */
function valueEnd(value: Buffer, at: number): number {
  let i = at;
  if (value[i] !== QUOTE) {
    while (value[i] !== COMMA) i++;
    return i;
  }
  for (i++; value[i] !== QUOTE; i++) if (value[i] === BACKSLASH) i++;
  return i + 1;
}

function integerAt(value: Buffer, from: number, to: number): number {
  let number = 0;
  for (let i = from; i < to; i++) number = number * 10 + value[i]! - ZERO;
  return number;
}

/** Upper case in place of ASCII; anything else through a string. Returns the end in `out`. */
function upperCase(value: Buffer, from: number, to: number, at: number): number {
  for (let i = from; i < to; i++) {
    const byte = value[i]!;
    if (byte >= 0x80 || byte === BACKSLASH) {
      const text = JSON.parse(value.toString('utf8', from, to)) as string;
      return at + out.write(JSON.stringify(text.toUpperCase()), at);
    }
    out[at + i - from] = byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte;
  }
  return at + to - from;
}

/** Length of `"name":`. */
const NAMES = ['id', 'sku', 'name', 'category', 'price_cents', 'quantity', 'weight', 'published', 'email', 'notes'].map(
  (name) => name.length + 3,
);
const [NAME, PRICE, QUANTITY, PUBLISHED, EMAIL, NOTES] = [2, 4, 5, 7, 8, 9];
const from = new Int32Array(10);
const to = new Int32Array(10);

function findColumns(value: Buffer): void {
  let at = START.length + 1;
  for (let i = 0; i < 10; i++) {
    from[i] = at + NAMES[i]!;
    to[i] = valueEnd(value, from[i]!);
    at = to[i]! + 1;
  }
}

function copied(value: Buffer, start: number, end: number, at: number): number {
  value.copy(out, at, start, end);
  return at + end - start;
}

export const bySlices: Convert = (value) => {
  findColumns(value);
  const price = integerAt(value, from[PRICE]!, to[PRICE]!);
  if (value[from[PUBLISHED]!] !== LETTER_T || price < MIN_PRICE) return null;
  const quantity = integerAt(value, from[QUANTITY]!, to[QUANTITY]!);
  let at = copied(value, 0, from[NAME]!, 0);
  at = upperCase(value, from[NAME]!, to[NAME]!, at);
  at = copied(value, to[NAME]!, from[EMAIL]!, at);
  const email = value.toString('utf8', from[EMAIL]! + 1, to[EMAIL]! - 1);
  at += out.write(`"${hidden(email)}"`, at);
  // Behind notes stand the two times and the brace of the row.
  const rowEnd = value.indexOf('}', to[NOTES]!);
  at = copied(value, to[NOTES]!, rowEnd, at);
  const size = quantity > BULK ? 'bulk' : quantity > BOX ? 'box' : 'single';
  at += out.write(`,"total":${price * quantity},"size":"${size}"`, at);
  return out.subarray(0, copied(value, rowEnd, value.length, at));
};

const BEFORE = Buffer.from('{"before":');
const NO_ROW = Buffer.from(',"after":null,"op":"d"');

export const deleteBySlices: Delete = (value, key) => {
  const rest = value.indexOf('},"op":"u"', to[NOTES]!) + '},"op":"u"'.length;
  return Buffer.concat([BEFORE, key, NO_ROW, value.subarray(rest)]);
};
