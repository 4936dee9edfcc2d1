/** The binary log as it comes: asked for once, then read until it breaks or is stopped. */
import { TailraceError } from '../../src/sdk/index.ts';
import { dumpAfter, dumpFrom, sessionSql } from './binlog-dump.ts';
import { connect, query, takeSocket } from './connections.ts';
import { earliest } from './gtid.ts';
import { PacketSocket, serverError, type Wait } from './packet-socket.ts';
import type { MysqlPosition } from './position.ts';
import { need } from './source-errors.ts';

const OK = 0x00;
const EOF = 0xfe;
const ERROR = 0xff;
export const HEARTBEAT_MS = 5_000;
/** Silence after which the line counts as broken. */
const SILENCE_MS = 3 * HEARTBEAT_MS;

export interface BinlogStreamOptions {
  readonly url: string;
  readonly replica: { readonly id: number; readonly uuid: string };
  readonly from: MysqlPosition;
  readonly now: () => number;
  /** One event at buf[from, to). */
  readonly take: (buf: Buffer, from: number, to: number) => Wait;
  readonly afterRead: () => Wait;
}

export class BinlogStream {
  readonly #socket: PacketSocket;
  readonly #close: () => void;
  readonly #timer: NodeJS.Timeout;
  #heard: number;

  private constructor(options: BinlogStreamOptions, connection: Awaited<ReturnType<typeof connect>>) {
    const { now, take, afterRead } = options;
    const socket = takeSocket(connection);
    this.#close = () => socket.destroy();
    this.#heard = now();
    this.#socket = new PacketSocket({
      socket,
      take: (buf, at, to) => {
        this.#heard = now();
        return take(buf, eventAt(buf, at, to), to);
      },
      afterRead,
    });
    this.#timer = setInterval(() => this.#listen(now()), HEARTBEAT_MS);
    this.#socket.done.catch(() => {}).finally(() => clearInterval(this.#timer));
  }

  static async start(options: BinlogStreamOptions): Promise<BinlogStream> {
    const { url, replica, from } = options;
    const command = dumpCommand(replica.id, from);
    const connection = await connect(url);
    try {
      await query(connection, sessionSql(from.flavor, replica.uuid, HEARTBEAT_MS, startOf(from)));
    } catch (error) {
      connection.destroy();
      throw error;
    }
    const stream = new BinlogStream(options, connection);
    stream.#socket.command(command);
    return stream;
  }

  /** Rejects when the stream breaks; resolves after `stop`. */
  get done(): Promise<void> {
    return this.#socket.done;
  }

  /** Reads no more. */
  stop(): void {
    this.#socket.stop();
  }

  close(): void {
    this.#socket.stop();
    clearInterval(this.#timer);
    this.#close();
  }

  /** An idle server tells that it is there; while we hold the line back, it cannot. */
  #listen(now: number): void {
    if (this.#socket.waiting) this.#heard = now;
    else if (now - this.#heard > SILENCE_MS) {
      this.#socket.fail(new TailraceError('source.unreachable', 'the server has sent nothing for too long'));
    }
  }
}

/** What was executed, but for what has to be sent again: transactions that were prepared, with those behind them. */
function startOf({ flavor, gtid, prepared }: MysqlPosition): string | null {
  if (gtid === null || flavor === 'mysql') return gtid;
  return earliest(
    gtid,
    prepared.map(({ before }) => before),
  );
}

function dumpCommand(server: number, { flavor, gtid, file, pos }: MysqlPosition): Buffer {
  if (gtid === null) return dumpFrom(server, file, pos, true);
  return flavor === 'mysql' ? dumpAfter(server, gtid) : dumpFrom(server, '', 0, true);
}

/** The server has no more to send, and was not to wait. */
export const isEnd = (buf: Buffer, from: number): boolean => buf[from] === EOF;

/** Where the event of a packet begins. Throws what the server says in place of an event. */
export function eventAt(buf: Buffer, from: number, to: number): number {
  if (buf[from] === OK) return from + 1;
  if (buf[from] === ERROR) throw serverError(buf, from, to);
  need(buf[from] === EOF);
  throw new TailraceError('source.unreachable', 'the server ended the stream of the binary log');
}
