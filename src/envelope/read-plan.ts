/** What is known of the records of one table version before they are read. */
import type { TableSchema } from '../contracts/schema.ts';
import { OP_AT } from './table-template.ts';
import { BETWEEN_ORDINALS } from './transaction-part.ts';

const THEN_OP = Buffer.from(',"op":"');
const TOTAL_ORDER = Buffer.from('"total_order":');
const TRANSACTION = Buffer.from('"transaction":');
const ZERO = 0x30;
const NINE = 0x39;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const COMMA = 0x2c;
const COLON = 0x3a;

/** What all records of one transaction and table say alike. */
export interface OriginFacts {
  readonly timeUs: number;
  readonly position: string;
  readonly transaction: string;
}

export class ReadPlan {
  readonly table: TableSchema;
  /** Second half of the schema's id. */
  readonly schemaLow: number;
  /** Name of each column as JSON string. */
  readonly names: readonly Uint8Array[];
  /** The same with what stands around them in a whole row: `{"a":`, `,"b":`. */
  readonly heads: readonly Uint8Array[];
  readonly #byName: ReadonlyMap<string, number>;
  /** End of the last record: from behind its operation to its first ordinal, or to the end when it has none. */
  #tail: Buffer = Buffer.alloc(0);
  #hasOrdinals = false;
  #origin: OriginFacts | null = null;

  constructor(table: TableSchema, schemaLow: number) {
    this.table = table;
    this.schemaLow = schemaLow;
    this.names = table.columns.map(({ name }) => new TextEncoder().encode(JSON.stringify(name)));
    this.heads = this.names.map((name, i) => Uint8Array.of(i === 0 ? OPEN : COMMA, ...name, COLON));
    this.#byName = new Map(table.columns.map(({ name }, i) => [name, i]));
  }

  columnOf(name: string): number | undefined {
    return this.#byName.get(name);
  }

  /**
   * The origin of a value that ends at `end` and whose rows end at `tailAt`, if all that follows but operation and ordinals is as
   * remembered.
   */
  recall(bytes: Buffer, tailAt: number, end: number): OriginFacts | null {
    const from = tailAt + OP_AT + 1;
    const to = from + this.#tail.length;
    if (this.#origin === null || to > end || !startsWith(bytes, tailAt, THEN_OP)) return null;
    if (bytes.compare(this.#tail, 0, this.#tail.length, from, to) !== 0) return null;
    const isWhole = this.#hasOrdinals ? areOrdinals(bytes, to, end) : to === end;
    return isWhole ? this.#origin : null;
  }

  /** Keeps the end of a value that ends at `valueEnd` and whose rows end at `tailAt`, if it is in our own layout. */
  remember(bytes: Buffer, tailAt: number, valueEnd: number, origin: OriginFacts): void {
    if (!startsWith(bytes, tailAt, THEN_OP)) return;
    const tail = bytes.subarray(tailAt, valueEnd);
    const transaction = tail.lastIndexOf(TRANSACTION);
    const ordinals = tail.lastIndexOf(TOTAL_ORDER);
    this.#hasOrdinals = ordinals > transaction && transaction > 0;
    const end = this.#hasOrdinals ? tailAt + ordinals + TOTAL_ORDER.length : valueEnd;
    this.#tail = Buffer.copyBytesFrom(bytes, tailAt + OP_AT + 1, end - (tailAt + OP_AT + 1));
    this.#origin = origin;
  }
}

function startsWith(bytes: Buffer, at: number, prefix: Uint8Array): boolean {
  for (let i = 0; i < prefix.length; i++) if (bytes[at + i] !== prefix[i]) return false;
  return true;
}

/** Two ordinals and the end of the value. */
function areOrdinals(bytes: Buffer, start: number, end: number): boolean {
  let at = digitsEnd(bytes, start);
  for (let i = 0; i < BETWEEN_ORDINALS.length; i++) if (bytes[at++] !== BETWEEN_ORDINALS[i]) return false;
  at = digitsEnd(bytes, at);
  return at + 2 === end && bytes[at] === CLOSE && bytes[at + 1] === CLOSE;
}

function digitsEnd(bytes: Buffer, from: number): number {
  let at = from;
  while (at < bytes.length && bytes[at]! >= ZERO && bytes[at]! <= NINE) at++;
  return at;
}
