/**
 * Messages by which pgoutput sends transactions that still run, from protocol version 2 on (manual, 55.9): blocks of changes
 * between Stream Start and Stop, each change with the id of its (sub)transaction behind its type byte; later one Stream
 * Commit, or Stream Aborts.
 */
import {
  type Begin,
  COMMIT,
  DELETE,
  INSERT,
  MESSAGE,
  need,
  POSTGRES_EPOCH_US,
  RELATION,
  BEGIN as START_OF_TRANSACTION,
  TRUNCATE,
  TYPE,
  UPDATE,
} from './pgoutput.ts';

export const STREAM_START = 0x53; // S
export const STREAM_STOP = 0x45; // E
export const STREAM_COMMIT = 0x63; // c
export const STREAM_ABORT = 0x41; // A

/** Bytes of a transaction id behind the type byte. */
export const XID_BYTES = 4;

/** What may stand in a block, with a transaction id. */
const IN_BLOCK: ReadonlySet<number> = new Set([INSERT, UPDATE, DELETE, TRUNCATE, RELATION, TYPE, MESSAGE]);

export const isInBlock = (kind: number): boolean => IN_BLOCK.has(kind);

export interface StreamStart {
  readonly xid: number;
  /** Nothing of the transaction was sent before. */
  readonly isFirst: boolean;
}

export function readStreamStart(buf: Buffer, from: number, end: number): StreamStart {
  need(from + 5 === end && buf[end - 1]! <= 1);
  return { xid: buf.readUInt32BE(from), isFirst: buf[from + 4] === 1 };
}

export interface StreamCommit extends Begin {
  readonly endLsn: bigint;
}

/** Transaction id, flags, commit LSN, end LSN, time. */
export function readStreamCommit(buf: Buffer, from: number, end: number): StreamCommit {
  need(from + 29 === end);
  return {
    xid: buf.readUInt32BE(from),
    commitLsn: buf.readBigUInt64BE(from + 5),
    endLsn: buf.readBigUInt64BE(from + 13),
    timeUs: Number(buf.readBigInt64BE(from + 21)) + POSTGRES_EPOCH_US,
  };
}

export interface StreamAbort {
  readonly xid: number;
  /** That of the transaction itself when all of it is aborted. */
  readonly subxid: number;
}

/** From version 4 on an LSN and a time may follow. */
export function readStreamAbort(buf: Buffer, from: number, end: number): StreamAbort {
  need(from + 8 === end || from + 24 === end);
  return { xid: buf.readUInt32BE(from), subxid: buf.readUInt32BE(from + 4) };
}

/** The Begin and the Commit between which the changes of a transaction stand that is not streamed. */
export function framesOf({ xid, commitLsn, endLsn, timeUs }: StreamCommit): { begin: Buffer; commit: Buffer } {
  const time = BigInt(timeUs - POSTGRES_EPOCH_US);
  const begin = Buffer.alloc(21);
  begin[0] = START_OF_TRANSACTION;
  begin.writeBigUInt64BE(commitLsn, 1);
  begin.writeBigInt64BE(time, 9);
  begin.writeUInt32BE(xid, 17);
  const commit = Buffer.alloc(26);
  commit[0] = COMMIT;
  commit.writeBigUInt64BE(commitLsn, 2);
  commit.writeBigUInt64BE(endLsn, 10);
  commit.writeBigInt64BE(time, 18);
  return { begin, commit };
}
