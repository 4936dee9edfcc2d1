/**
 * Messages of the output plugin pgoutput that every protocol version has (manual, 55.9 Logical Replication Message Formats).
 * Lengths are checked against the message before use; nothing is allocated by a declared size.
 */
import { TailraceError } from '../../src/sdk/index.ts';

export const BEGIN = 0x42; // B
export const COMMIT = 0x43; // C
export const ORIGIN = 0x4f; // O
export const RELATION = 0x52; // R
export const TYPE = 0x59; // Y
export const INSERT = 0x49; // I
export const UPDATE = 0x55; // U
export const DELETE = 0x44; // D
export const TRUNCATE = 0x54; // T
export const MESSAGE = 0x4d; // M

/** Kinds of a column in a tuple. */
export const NULL_COLUMN = 0x6e; // n
export const UNCHANGED_COLUMN = 0x75; // u
export const TEXT_COLUMN = 0x74; // t

/** Kinds of an old tuple: `K` key columns only, `O` all; `N` introduces the new tuple. */
export const KEY_TUPLE = 0x4b;
export const OLD_TUPLE = 0x4f;
export const NEW_TUPLE = 0x4e;

/** Columns of one tuple as places in the message's buffer; reused from message to message. */
export class Tuple {
  count = 0;
  kinds: Uint8Array = new Uint8Array(64);
  from: Float64Array = new Float64Array(64);
  to: Float64Array = new Float64Array(64);

  /** Reads TupleData at `at`; returns the place after it. */
  read(buf: Buffer, at: number, end: number): number {
    need(at + 2 <= end);
    const count = buf.readUInt16BE(at);
    let next = at + 2;
    // Each column has at least its kind byte.
    need(next + count <= end);
    if (count > this.kinds.length) this.#grow(count);
    const { kinds, from, to } = this;
    this.count = count;
    for (let i = 0; i < count; i++) {
      need(next < end);
      const kind = buf[next++]!;
      kinds[i] = kind;
      if (kind === TEXT_COLUMN) {
        need(next + 4 <= end);
        const length = (buf[next]! << 24) | (buf[next + 1]! << 16) | (buf[next + 2]! << 8) | buf[next + 3]!;
        next += 4;
        need(length >= 0 && next + length <= end);
        from[i] = next;
        next += length;
        to[i] = next;
      } else need(kind === NULL_COLUMN || kind === UNCHANGED_COLUMN);
    }
    return next;
  }

  #grow(count: number): void {
    this.kinds = new Uint8Array(count);
    this.from = new Float64Array(count);
    this.to = new Float64Array(count);
  }
}

export interface Relation {
  readonly oid: number;
  readonly schema: string;
  readonly table: string;
  /** `d` default, `n` nothing, `f` full, `i` index. */
  readonly identity: string;
  readonly columns: readonly {
    readonly key: boolean;
    readonly name: string;
    readonly type: number;
    readonly modifier: number;
  }[];
}

export function readRelation(buf: Buffer, from: number, end: number): Relation {
  need(from + 4 <= end);
  const oid = buf.readUInt32BE(from);
  const schema = readString(buf, from + 4, end);
  const table = readString(buf, schema.next, end);
  let at = table.next;
  need(at + 3 <= end);
  const identity = String.fromCharCode(buf[at]!);
  const count = buf.readUInt16BE(at + 1);
  at += 3;
  const columns: Relation['columns'][number][] = [];
  for (let i = 0; i < count; i++) {
    need(at < end);
    const key = (buf[at]! & 1) === 1;
    const name = readString(buf, at + 1, end);
    need(name.next + 8 <= end);
    columns.push({ key, name: name.text, type: buf.readUInt32BE(name.next), modifier: buf.readInt32BE(name.next + 4) });
    at = name.next + 8;
  }
  // An empty name stands for pg_catalog.
  return { oid, schema: schema.text === '' ? 'pg_catalog' : schema.text, table: table.text, identity, columns };
}

/** Of a column's type; of a domain, the names are its base type's. */
export interface TypeName {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
}

export function readType(buf: Buffer, from: number, end: number): TypeName {
  need(from + 4 <= end);
  const schema = readString(buf, from + 4, end);
  const name = readString(buf, schema.next, end);
  return { oid: buf.readUInt32BE(from), schema: schema.text === '' ? 'pg_catalog' : schema.text, name: name.text };
}

export interface Begin {
  /** LSN of the commit record. */
  readonly commitLsn: bigint;
  /** µs since 1970. */
  readonly timeUs: number;
  readonly xid: number;
}

/** 2000-01-01 in µs since 1970. */
export const POSTGRES_EPOCH_US = 946_684_800_000_000;

export function readBegin(buf: Buffer, from: number, end: number): Begin {
  need(from + 20 <= end);
  const timeUs = Number(buf.readBigInt64BE(from + 8)) + POSTGRES_EPOCH_US;
  return { commitLsn: buf.readBigUInt64BE(from), timeUs, xid: buf.readUInt32BE(from + 16) };
}

/** The end LSN of a Commit: flags, commit LSN, end LSN, time. */
export function readCommitEnd(buf: Buffer, from: number, end: number): bigint {
  need(from + 25 <= end);
  return buf.readBigUInt64BE(from + 9);
}

export function readTruncate(buf: Buffer, from: number, end: number): readonly number[] {
  need(from + 5 <= end);
  const count = buf.readUInt32BE(from);
  need(from + 5 + count * 4 <= end);
  return Array.from({ length: count }, (_, i) => buf.readUInt32BE(from + 5 + i * 4));
}

export function readString(buf: Buffer, at: number, end: number): { text: string; next: number } {
  const zero = buf.indexOf(0, at);
  need(zero >= 0 && zero < end);
  return { text: buf.toString('utf8', at, zero), next: zero + 1 };
}

/** Invariant 5: what cannot be read stops the source. */
export function need(condition: boolean): void {
  if (condition) return;
  throw new TailraceError(
    'source.unsupported',
    'a message of the replication stream does not have the form of its type',
  );
}
