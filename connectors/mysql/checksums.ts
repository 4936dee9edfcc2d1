/** Checksums of events: whether there are any, and whether they are right. */
import { crc32 } from 'node:zlib';
import { TailraceError } from '../../src/sdk/index.ts';
import { CHECKSUM_BYTES, EventType, HEADER_BYTES } from './binlog-event.ts';
import { need } from './source-errors.ts';

const NO_CHECKSUM = 0;
const CRC32 = 1;

const WRONG = 'an event of the binary log does not have its checksum';

export const isWrongChecksum = (error: unknown): boolean => error instanceof TailraceError && error.message === WRONG;

export class Checksums {
  /** Null before the first format description says so. */
  #present: boolean | null = null;

  /** Where the event at buf[from, to) ends without its checksum. Throws when it does not have the right one. */
  end(buf: Buffer, from: number, to: number): number {
    need(to - from >= HEADER_BYTES && buf.readUInt32LE(from + 9) === to - from);
    if (buf[from + 4] === EventType.FORMAT_DESCRIPTION) this.#present = hasChecksum(buf, from, to);
    if (!(this.#present ?? matches(buf, from, to))) return to;
    if (matches(buf, from, to)) return to - CHECKSUM_BYTES;
    // What was changed on the way is not delivered: it is read again.
    throw new TailraceError('source.unreachable', WRONG, {
      remedy: 'if it does not pass: the network or the disk of the server changes data; look into the server log',
    });
  }
}

/** The format description ends with the algorithm (1) and, whatever it is, room for a checksum (4). */
function hasChecksum(buf: Buffer, from: number, to: number): boolean {
  need(to - from >= HEADER_BYTES + CHECKSUM_BYTES + 1);
  const algorithm = buf[to - CHECKSUM_BYTES - 1];
  need(algorithm === CRC32 || algorithm === NO_CHECKSUM);
  return algorithm === CRC32;
}

function matches(buf: Buffer, from: number, to: number): boolean {
  const end = to - CHECKSUM_BYTES;
  return end - from >= HEADER_BYTES && crc32(buf.subarray(from, end)) === buf.readUInt32LE(end);
}
