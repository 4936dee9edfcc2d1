/** Events of the binary log: numbers, header, and those bodies that are more than a few fields. */
import { inflateSync } from 'node:zlib';
import type { Gtid } from './gtid.ts';
import { need, unsupported } from './source-errors.ts';

export const EventType = {
  QUERY: 2,
  STOP: 3,
  ROTATE: 4,
  INTVAR: 5,
  RAND: 13,
  USER_VAR: 14,
  FORMAT_DESCRIPTION: 15,
  XID: 16,
  BEGIN_LOAD_QUERY: 17,
  EXECUTE_LOAD_QUERY: 18,
  TABLE_MAP: 19,
  WRITE_ROWS_V1: 23,
  UPDATE_ROWS_V1: 24,
  DELETE_ROWS_V1: 25,
  INCIDENT: 26,
  HEARTBEAT: 27,
  IGNORABLE: 28,
  ROWS_QUERY: 29,
  WRITE_ROWS: 30,
  UPDATE_ROWS: 31,
  DELETE_ROWS: 32,
  GTID: 33,
  ANONYMOUS_GTID: 34,
  PREVIOUS_GTIDS: 35,
  TRANSACTION_CONTEXT: 36,
  VIEW_CHANGE: 37,
  XA_PREPARE: 38,
  PARTIAL_UPDATE_ROWS: 39,
  TRANSACTION_PAYLOAD: 40,
  HEARTBEAT_V2: 41,
  GTID_TAGGED: 42,
  ANNOTATE_ROWS: 160,
  BINLOG_CHECKPOINT: 161,
  MARIADB_GTID: 162,
  MARIADB_GTID_LIST: 163,
  START_ENCRYPTION: 164,
  QUERY_COMPRESSED: 165,
  WRITE_ROWS_COMPRESSED_V1: 166,
  UPDATE_ROWS_COMPRESSED_V1: 167,
  DELETE_ROWS_COMPRESSED_V1: 168,
  WRITE_ROWS_COMPRESSED: 169,
  UPDATE_ROWS_COMPRESSED: 170,
  DELETE_ROWS_COMPRESSED: 171,
} as const;

/** They hold no change of a row and end nothing. */
export const WITHOUT_CHANGE: ReadonlySet<number> = new Set([
  EventType.INTVAR,
  EventType.RAND,
  EventType.USER_VAR,
  EventType.IGNORABLE,
  EventType.ROWS_QUERY,
  EventType.PREVIOUS_GTIDS,
  EventType.TRANSACTION_CONTEXT,
  EventType.VIEW_CHANGE,
  EventType.ANNOTATE_ROWS,
  EventType.BINLOG_CHECKPOINT,
  EventType.MARIADB_GTID_LIST,
  EventType.START_ENCRYPTION,
]);

/** Time (4), type (1), server (4), size (4), end in the file (4), flags (2). */
export const HEADER_BYTES = 19;
export const CHECKSUM_BYTES = 4;
/** The event is not in the file: the server made it for the reader. */
export const ARTIFICIAL = 0x20;
/** A reader that does not know it may leave it out. */
export const IGNORABLE = 0x80;

/** What a transaction begins with. */
export interface TransactionStart {
  /** Null: the server numbers none. */
  readonly gtid: Gtid | null;
  /** Commit time, µs since 1970; null where only the event's second is known. */
  readonly timeUs: number | null;
  /** MariaDB: the group is one statement, which ends it. */
  readonly standalone: boolean;
  /** MariaDB: an XA transaction up to its XA PREPARE. */
  readonly prepares: boolean;
}

let lastSid = Buffer.alloc(0);
let lastUuid = '';

function uuidText(sid: Buffer): string {
  if (!sid.equals(lastSid)) {
    lastSid = Buffer.from(sid);
    lastUuid = sid.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  }
  return lastUuid;
}

/** Flags (1), uuid (16), number (8), clock's type (1) and values (16), commit times (7 or 14). */
export function readGtid(buf: Buffer, from: number, to: number, anonymous: boolean): TransactionStart {
  need(from + 25 <= to);
  const number = buf.readBigInt64LE(from + 17);
  const timed = from + 49 <= to && buf[from + 25] === 2;
  // The top bit says that the original server's time follows.
  const timeUs = timed ? buf.readUIntLE(from + 42, 6) + (buf[from + 48]! & 0x7f) * 2 ** 48 : null;
  const gtid = anonymous ? null : { origin: uuidText(buf.subarray(from + 1, from + 17)), number };
  return { gtid, timeUs, standalone: false, prepares: false };
}

const PREPARED_XA = 64;

/** Sequence (8), domain (4), flags (1); the server is in the header. */
export function readMariadbGtid(buf: Buffer, from: number, to: number, server: number): TransactionStart {
  need(from + 13 <= to);
  const origin = `${buf.readUInt32LE(from + 8)}-${server}`;
  return {
    gtid: { origin, number: buf.readBigUInt64LE(from) },
    timeUs: null,
    standalone: (buf[from + 12]! & 1) === 1,
    prepares: (buf[from + 12]! & PREPARED_XA) !== 0,
  };
}

/** MARIADB_GTID_LIST: the last transactions before the file. Count (4, of which 28 bits); domain (4), server (4), sequence (8) of each. */
export function readGtidList(buf: Buffer, from: number, to: number): string {
  need(from + 4 <= to);
  const count = buf.readUInt32LE(from) & 0xfffffff;
  need(from + 4 + 16 * count <= to);
  const texts = Array.from({ length: count }, (_, i) => {
    const at = from + 4 + 16 * i;
    return `${buf.readUInt32LE(at)}-${buf.readUInt32LE(at + 4)}-${buf.readBigUInt64LE(at + 8)}`;
  });
  return texts.join(',');
}

const FIELD_UUID = 1;
const FIELD_NUMBER = 2;
const FIELD_TAG = 3;
const FIELD_COMMIT_TIME = 6;

/** A message of numbered fields (mysql::serialization), whose whole numbers have the length in their low bits. */
export function readTaggedGtid(buf: Buffer, from: number, to: number): TransactionStart {
  let at = from;
  const next = (): bigint => {
    need(at < to);
    const more = trailingOnes(buf[at]!);
    need(at + 1 + more <= to);
    let value = 0n;
    for (let i = more; i >= 0; i--) value = (value << 8n) | BigInt(buf[at + i]!);
    at += 1 + more;
    return more === 8 ? value >> 8n : value >> BigInt(more + 1);
  };
  next(); // version of the format
  next(); // size
  next(); // last field that must be known
  let uuid = '';
  let tag = '';
  let number = 0n;
  let timeUs: number | null = null;
  // Fields come in the order of their numbers; those behind the commit time are not needed.
  for (let field = Number(next()); field <= FIELD_COMMIT_TIME && at < to; field = at < to ? Number(next()) : 99) {
    if (field === FIELD_UUID) uuid = uuidText(Buffer.from(Array.from({ length: 16 }, () => Number(next()))));
    else if (field === FIELD_TAG) {
      const length = Number(next());
      need(at + length <= to);
      tag = buf.toString('latin1', at, at + length);
      at += length;
    } else {
      const value = next();
      // Signed numbers have their sign in the lowest bit.
      if (field === FIELD_NUMBER) number = value >> 1n;
      else if (field === FIELD_COMMIT_TIME) timeUs = Number(value);
    }
  }
  need(uuid !== '' && number > 0n);
  return { gtid: { origin: tag === '' ? uuid : `${uuid}:${tag}`, number }, timeUs, standalone: false, prepares: false };
}

function trailingOnes(byte: number): number {
  let count = 0;
  while (count < 8 && ((byte >> count) & 1) === 1) count++;
  return count;
}

export interface QueryBytes {
  /** Default database. */
  readonly schema: string;
  /** The statement as its client sent it. Valid while the event is. */
  readonly bytes: Buffer;
  /** Number of a collation of the client's character set; null: not said. */
  readonly collation: number | null;
  readonly ansiQuotes: boolean;
}

const SQL_MODE_ANSI_QUOTES = 4;
/** Sizes of status variables that come before the one that is wanted. */
const VARIABLE_BYTES: Readonly<Record<number, number>> = { 0: 4, 1: 8, 3: 4, 4: 6 };
const CATALOG_NAME = 6;
const SQL_MODE = 1;
/** Collations of the client (2), the connection (2) and the server (2). */
const CHARSET = 4;

/** Thread (4), duration (4), length of the schema (1), error (2), length of the variables (2), variables, schema, 0, text. */
export function readQuery(buf: Buffer, from: number, to: number, compressed: boolean): QueryBytes {
  need(from + 13 <= to);
  const schemaBytes = buf[from + 8]!;
  const variables = from + 13;
  const schemaAt = variables + buf.readUInt16LE(from + 11);
  const sqlAt = schemaAt + schemaBytes + 1;
  need(sqlAt <= to);
  let ansiQuotes = false;
  let collation: number | null = null;
  for (let at = variables; at < schemaAt; ) {
    const code = buf[at]!;
    if (code === SQL_MODE && at + 9 <= schemaAt) ansiQuotes = (buf[at + 1]! & SQL_MODE_ANSI_QUOTES) !== 0;
    if (code === CHARSET && at + 7 <= schemaAt) collation = buf.readUInt16LE(at + 1);
    const bytes = code === CATALOG_NAME ? 1 + (buf[at + 1] ?? 0) : VARIABLE_BYTES[code];
    if (bytes === undefined) break;
    at += 1 + bytes;
  }
  const bytes = compressed ? inflated(buf, sqlAt, to) : buf.subarray(sqlAt, to);
  return { schema: buf.toString('utf8', schemaAt, schemaAt + schemaBytes), bytes, collation, ansiQuotes };
}

/** ROTATE: place (8) in the next file, and its name. */
export function rotateEvent(buf: Buffer, from: number, end: number): { readonly file: string; readonly pos: number } {
  const body = from + HEADER_BYTES;
  need(body + 8 < end);
  return { pos: Number(buf.readBigUInt64LE(body)), file: buf.toString('utf8', body + 8, end) };
}

/** Of one event: MariaDB compresses no more than `max_allowed_packet` allows. */
const MAX_INFLATED_BYTES = 2 ** 30;

/** MariaDB: 0x80 + algorithm × 16 + bytes of the length, length (big-endian), zlib data. */
export function inflated(buf: Buffer, from: number, to: number): Buffer {
  need(from < to);
  const head = buf[from]!;
  const width = head & 7;
  need((head & 0xf0) === 0x80 && width >= 1 && width <= 4 && from + 1 + width <= to);
  const length = buf.readUIntBE(from + 1, width);
  if (length > MAX_INFLATED_BYTES) throw unsupported('a compressed event says to be larger than 1 GiB');
  try {
    // Invariant 10: no more is inflated than the length says, whatever follows.
    const bytes = inflateSync(buf.subarray(from + 1 + width, to), { maxOutputLength: Math.max(1, length) });
    need(bytes.length === length);
    return bytes;
  } catch {
    throw unsupported('a compressed event cannot be opened');
  }
}

/** Fields of TRANSACTION_PAYLOAD, before the payload. */
export interface PayloadHeader {
  /** `0` zstd, `255` none. */
  readonly compression: number;
  readonly at: number;
  readonly bytes: number;
}

const PAYLOAD_END = 0;
const PAYLOAD_SIZE = 1;
const PAYLOAD_COMPRESSION = 2;

/** Fields of type, length, value; all length-encoded. */
export function readPayloadHeader(buf: Buffer, from: number, to: number): PayloadHeader {
  let at = from;
  const next = (): number => {
    need(at < to);
    const first = buf[at++]!;
    if (first < 0xfb) return first;
    const width = { 252: 2, 253: 3, 254: 6 }[first] ?? 0;
    need(width > 0 && at + width <= to);
    const value = buf.readUIntLE(at, width);
    at += first === 0xfe ? 8 : width;
    return value;
  };
  let bytes = -1;
  let compression = -1;
  for (let field = next(); field !== PAYLOAD_END; field = next()) {
    const length = next();
    const value = at;
    need(value + length <= to);
    if (field === PAYLOAD_SIZE) bytes = next();
    else if (field === PAYLOAD_COMPRESSION) compression = next();
    at = value + length;
  }
  need(bytes >= 0 && at + bytes <= to);
  return { compression, at, bytes };
}
