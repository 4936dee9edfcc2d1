/**
 * A row as one JSON object, made of the record's bytes. Values stand there as in the record (numbers with all their digits,
 * decimals as strings), except that a column of kind `json` is embedded instead of being a string of JSON.
 */
import type { ColumnTarget, Row } from '../../contracts/row.ts';
import type { Column } from '../../contracts/schema.ts';
import { columnText } from './column-text.ts';
import type { GrowingBytes } from './growing-bytes.ts';

const COMMA = 0x2c;
const OPEN = 0x7b;
const CLOSE = 0x7d;

export interface DocumentExtras {
  /** Members of the document that the target holds: what was not sent is taken from there. */
  readonly stored?: ReadonlyMap<string, string> | undefined;
  /** One more member, at the end: name and JSON text. */
  readonly last?: readonly [name: string, json: string];
}

/** Writes the object on one line, members in column order. Columns that nobody knows are left out. */
export function writeDocument(out: GrowingBytes, row: Row, { stored, last }: DocumentExtras = {}): void {
  const names = namesOf(row.columns);
  let open = OPEN;
  const copies = row.copy === undefined ? null : membersOf(out);
  for (let i = 0; i < row.columns.length; i++) {
    const { name, kind } = row.columns[i]!;
    if (copies !== null && kind !== 'json' && copies.copy(row, i, open, names[i]!)) {
      open = COMMA;
      continue;
    }
    const json = row.bytes(i);
    const known = json === undefined ? stored?.get(name) : '';
    if (known === undefined) continue;
    out.byte(open);
    open = COMMA;
    out.bytes(names[i]!);
    if (json === undefined) out.text(known);
    else if (kind === 'json') writeEmbedded(out, row, i, json);
    else out.bytes(json);
  }
  if (last !== undefined) {
    out.byte(open);
    out.text(`${JSON.stringify(last[0])}:${last[1]}`);
  } else if (open === OPEN) out.byte(OPEN);
  out.byte(CLOSE);
}

/** Copies members straight from the record's bytes. */
class MemberCopies implements ColumnTarget {
  readonly #out: GrowingBytes;
  #open = OPEN;
  #name: Uint8Array = new Uint8Array();
  #copied = false;

  constructor(out: GrowingBytes) {
    this.#out = out;
  }

  /** False: nothing was written, the column was not sent or is no plain copy. */
  copy(row: Row, column: number, open: number, name: Uint8Array): boolean {
    this.#open = open;
    this.#name = name;
    this.#copied = false;
    row.copy!(column, this, column);
    return this.#copied;
  }

  json(_column: number, buf: Uint8Array, from: number, to: number): void {
    this.#out.byte(this.#open);
    this.#out.bytes(this.#name);
    this.#out.slice(buf, from, to);
    this.#copied = true;
  }

  jsonText(): void {}

  string(): void {}

  unchanged(): void {}
}

const copiesInto = new WeakMap<GrowingBytes, MemberCopies>();

function membersOf(out: GrowingBytes): MemberCopies {
  let copies = copiesInto.get(out);
  if (copies === undefined) copiesInto.set(out, (copies = new MemberCopies(out)));
  return copies;
}

/** Line ends only stand between JSON's tokens. A text that is no JSON (a rule may have made the column) stays a string. */
function writeEmbedded(out: GrowingBytes, row: Row, index: number, json: Uint8Array): void {
  const text = columnText(row, index);
  const inner = text === null || text === undefined ? undefined : Buffer.from(text).toString();
  if (inner !== undefined && isJson(inner)) out.text(inner.replace(/[\r\n]/g, ' '));
  else out.bytes(json);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const encodedNames = new WeakMap<readonly Column[], readonly Uint8Array[]>();

/** `"name":` for each column. */
function namesOf(columns: readonly Column[]): readonly Uint8Array[] {
  let names = encodedNames.get(columns);
  if (names === undefined) {
    encodedNames.set(columns, (names = columns.map(({ name }) => Buffer.from(`${JSON.stringify(name)}:`))));
  }
  return names;
}
