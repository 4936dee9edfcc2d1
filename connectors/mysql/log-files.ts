/**
 * The server's binary log files, one after the other. A file that the server ended says so in its last event (ROTATE,
 * STOP); where that is missing, the server crashed.
 */
import { dumpFrom, FIRST_POSITION, MAX_POSITION, sessionSql } from './binlog-dump.ts';
import { ARTIFICIAL, EventType, HEADER_BYTES, readGtidList, rotateEvent } from './binlog-event.ts';
import { eventAt, HEARTBEAT_MS, isEnd } from './binlog-stream.ts';
import { Checksums, isWrongChecksum } from './checksums.ts';
import { connect, query, takeSocket } from './connections.ts';
import { PacketSocket } from './packet-socket.ts';
import type { MysqlPosition } from './position.ts';
import { MASTER_FATAL } from './source-errors.ts';

export interface LogReader {
  readonly url: string;
  readonly replica: { readonly id: number; readonly uuid: string };
}

type FilePlace = Pick<MysqlPosition, 'flavor' | 'file' | 'pos'>;

export interface LogFile {
  readonly file: string;
  readonly pos: number;
  /** s since 1970 */
  readonly begun: number;
}

/** In which file the stream is, told by its events. */
export class FileSequence {
  #file: string | null;
  #ended = false;

  constructor(file: string | null) {
    this.#file = file;
  }

  get file(): string {
    return this.#file ?? '';
  }

  stop(): void {
    this.#ended = true;
  }

  /** A ROTATE at buf[from, end). Returns the file that was left without having been ended by its server, or null. */
  rotate(buf: Buffer, from: number, end: number): string | null {
    // The one in the file is followed by one that the server makes as it opens the next.
    if ((buf.readUInt16LE(from + 17) & ARTIFICIAL) === 0) {
      this.#ended = true;
      return null;
    }
    const name = rotateEvent(buf, from, end).file;
    const left = this.#file;
    this.#file = name;
    const crashed = left !== null && left !== name && !this.#ended;
    this.#ended = false;
    return crashed ? left : null;
  }
}

/**
 * Events that say that a transaction is there. MariaDB leaves the beginning of one at which it crashed in the file, and does not
 * count it: there its last event says so.
 */
const PROOFS: Readonly<Record<MysqlPosition['flavor'], ReadonlySet<number>>> = {
  mysql: new Set([EventType.GTID, EventType.ANONYMOUS_GTID, EventType.GTID_TAGGED]),
  mariadb: new Set([EventType.XID, EventType.QUERY, EventType.QUERY_COMPRESSED, EventType.XA_PREPARE]),
};

export interface Crash {
  /** What the server wrote when it crashed. */
  readonly file: string;
  /** MariaDB: the transactions that it knew when it began the next file; empty for MySQL. */
  readonly gtids: string;
  /** What was said of the file's end, when it cannot be read. */
  readonly damage: unknown;
}

export interface LogCourse {
  /** Where the first transaction after the position begins, or the log ends. */
  readonly next: LogFile;
  /** The first crash before that. */
  readonly crash: Crash | null;
}

/**
 * Follows the log from a position of this server to the next transaction. Null where it cannot be asked for: beyond 4 GiB.
 * Throws what the server says, e.g. that there is no event at that place.
 *
 * @param files all that the server has, in order
 */
export async function courseFrom(
  reader: LogReader,
  { flavor, file, pos, begun }: FilePlace & LogFile,
  files: readonly string[],
): Promise<LogCourse | null> {
  if (pos > MAX_POSITION) return null;
  const sequence = new FileSequence(null);
  let crash: Crash | null = null;
  let next: LogFile = { file, pos, begun };
  const take = (buf: Buffer, from: number, end: number): boolean => {
    const type = buf[from + 4]!;
    if (PROOFS[flavor].has(type)) return false;
    if (type === EventType.STOP) sequence.stop();
    else if (type === EventType.ROTATE) {
      const left = sequence.rotate(buf, from, end);
      if (left !== null) crash ??= { file: left, gtids: '', damage: null };
      if (sequence.file !== next.file) next = { file: sequence.file, pos: rotateEvent(buf, from, end).pos, begun: 0 };
    } else if (type === EventType.FORMAT_DESCRIPTION) next = { ...next, begun: buf.readUInt32LE(from) };
    else if (type === EventType.MARIADB_GTID_LIST && crash?.gtids === '') {
      crash = { ...crash, gtids: readGtidList(buf, from + HEADER_BYTES, end) };
    }
    return true;
  };
  for (let start = next; ; start = { file: files[files.indexOf(next.file) + 1]!, pos: FIRST_POSITION, begun: 0 }) {
    try {
      await readLog(reader, { flavor, ...start }, take);
      return { next, crash };
    } catch (error) {
      if (flavor === 'mysql' || !isDamage(error) || next.file === files.at(-1)) throw error;
      // MariaDB leaves what it was writing when it crashed as it is.
      crash ??= { file: next.file, gtids: '', damage: error };
      sequence.stop();
    }
  }
}

/** What the server says of an event in a file that ends within it, or that was never written to the disk. */
export function isDamage(error: unknown): boolean {
  if (isWrongChecksum(error)) return true;
  const { errno, message } = error as { readonly errno?: number; readonly message?: string };
  return errno === MASTER_FATAL && /truncated in the middle|bogus data|exceeded max_allowed_packet/.test(message ?? '');
}

/**
 * When a file of the server was begun, s since 1970: two of one name, before and after a RESET, differ in it (Invariant 11).
 * Null when it cannot be read; throws what the server says when it is not there.
 */
export async function fileBegun(
  reader: LogReader,
  { flavor, file }: Pick<MysqlPosition, 'flavor' | 'file'>,
): Promise<number | null> {
  let begun: number | null = null;
  await readLog(reader, { flavor, file, pos: 0 }, (buf, from) => {
    if (buf[from + 4] !== EventType.FORMAT_DESCRIPTION) return true;
    begun = buf.readUInt32LE(from);
    return false;
  });
  return begun;
}

/** Events from a place to the log's end now, or until `take` returns false. */
async function readLog(
  { url, replica }: LogReader,
  { flavor, file, pos }: FilePlace,
  take: (buf: Buffer, from: number, end: number) => boolean,
): Promise<void> {
  const connection = await connect(url);
  await query(connection, sessionSql(flavor, replica.uuid, HEARTBEAT_MS, null)).catch((error) => {
    connection.destroy();
    throw error;
  });
  const socket = takeSocket(connection);
  const checksums = new Checksums();
  const packets: PacketSocket = new PacketSocket({
    socket,
    take: (buf, at, to) => {
      if (isEnd(buf, at)) packets.stop();
      else {
        const event = eventAt(buf, at, to);
        if (!take(buf, event, checksums.end(buf, event, to))) packets.stop();
      }
      return undefined;
    },
    afterRead: () => undefined,
  });
  try {
    packets.command(dumpFrom(replica.id, file, pos, false));
    await packets.done;
  } finally {
    socket.destroy();
  }
}
