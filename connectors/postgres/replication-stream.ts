/** START_REPLICATION and what goes back and forth (manual, 54.4): rows in, keepalives answered, positions acknowledged. */
import type pg from 'pg';
import { TailraceError } from '../../src/sdk/index.ts';
import { closeSocket, takeSocket } from './connections.ts';
import { formatLsn } from './lsn.ts';
import { MessageSocket, type Pause, queryMessage, responseFields, serverError } from './message-socket.ts';
import { quoteName } from './names.ts';
import { PublicationGap } from './source-errors.ts';

const COPY_DATA = 0x64; // d
const COPY_DONE = 0x63; // c
const ERROR = 0x45; // E
const NOTICE = 0x4e; // N
const XLOG_DATA = 0x77; // w
const KEEPALIVE = 0x6b; // k
/** Type, start LSN, end LSN, time. */
const XLOG_HEADER_BYTES = 25;
const KEEPALIVE_BYTES = 18;
const STATUS_MS = 1_000;
/** 2000-01-01 in ms since 1970. */
const POSTGRES_EPOCH_MS = 946_684_800_000;

export interface ReplicationStreamOptions {
  readonly client: pg.Client;
  readonly slot: string;
  /** Options of the plugin, in brackets. */
  readonly options: string;
  readonly from: bigint;
  readonly now: () => number;
  /** One message of pgoutput. */
  readonly take: (buf: Buffer, from: number, to: number) => Pause | undefined;
  /** The server has sent everything below. */
  readonly keepalive: (lsn: bigint) => void;
  readonly afterRead: () => Promise<void> | undefined;
}

export class ReplicationStream {
  readonly #options: ReplicationStreamOptions;
  readonly #socket: MessageSocket;
  readonly #close: () => Promise<void>;
  readonly #timer: NodeJS.Timeout;
  readonly #status = Buffer.alloc(5 + 34);
  #received: bigint;
  #flushed: bigint;
  #reported = 0n;

  constructor(options: ReplicationStreamOptions) {
    const { client, slot, from, afterRead } = options;
    this.#options = options;
    this.#received = from;
    this.#flushed = from;
    const socket = takeSocket(client);
    socket.setNoDelay(true);
    this.#close = () => closeSocket(socket);
    this.#socket = new MessageSocket({ socket, take: (type, buf, at, to) => this.#take(type, buf, at, to), afterRead });
    this.#socket.write(
      queryMessage(`START_REPLICATION SLOT ${quoteName(slot)} LOGICAL ${formatLsn(from)} ${options.options}`),
    );
    // Also while a slow disk holds the rows back: the server ends a connection that is silent for wal_sender_timeout.
    this.#timer = setInterval(() => this.#report(), STATUS_MS);
    this.#socket.done.catch(() => {}).finally(() => clearInterval(this.#timer));
  }

  /** Rejects when the stream breaks; resolves after `stop`. */
  get done(): Promise<void> {
    return this.#socket.done;
  }

  /** Everything below is durable here: the server may forget it. */
  acknowledge(lsn: bigint): void {
    if (lsn > this.#flushed) this.#flushed = lsn;
    if (lsn > this.#received) this.#received = lsn;
  }

  /** Has the server say how far it is. */
  ask(): void {
    this.#report(true);
  }

  /** Reads no more. */
  stop(): void {
    this.#socket.stop();
  }

  /** Tells the server the last acknowledged position and ends the connection. */
  async close(): Promise<void> {
    this.#socket.stop();
    if (this.#flushed > this.#reported) this.#report();
    await this.#close();
  }

  #take(type: number, buf: Buffer, from: number, to: number): Pause | undefined {
    switch (type) {
      case COPY_DATA:
        return this.#copyData(buf, from, to);
      case ERROR:
        throw serverError(buf, from, to);
      case NOTICE:
        return notice(buf, from, to);
      case COPY_DONE:
        throw new TailraceError('source.unreachable', 'the server ended the replication stream');
      default:
        return undefined;
    }
  }

  #copyData(buf: Buffer, from: number, to: number): Pause | undefined {
    const kind = buf[from];
    if (kind === XLOG_DATA && to - from >= XLOG_HEADER_BYTES) {
      return this.#options.take(buf, from + XLOG_HEADER_BYTES, to);
    }
    if (kind !== KEEPALIVE || to - from < KEEPALIVE_BYTES) {
      throw new TailraceError(
        'source.unsupported',
        `the replication stream has a copy message of unknown kind ${kind}`,
      );
    }
    const end = buf.readBigUInt64BE(from + 1);
    if (end > this.#received) this.#received = end;
    this.#options.keepalive(end);
    if (buf[from + 17] === 1) this.#report();
    return undefined;
  }

  /** Standby status update: written, flushed, applied LSN, time, whether a reply is wanted. Written is what is flushed here. */
  #report(reply = false): void {
    const message = this.#status;
    message[0] = COPY_DATA;
    message.writeInt32BE(message.length - 1, 1);
    message[5] = 0x72; // r
    message.writeBigUInt64BE(this.#received, 6);
    message.writeBigUInt64BE(this.#flushed, 14);
    message.writeBigUInt64BE(this.#flushed, 22);
    message.writeBigInt64BE(BigInt(Math.round((this.#options.now() - POSTGRES_EPOCH_MS) * 1_000)), 30);
    message[38] = reply ? 1 : 0;
    this.#reported = this.#flushed;
    this.#socket.write(Buffer.from(message));
  }
}

/**
 * Version 18 goes on without a publication that it cannot find: what it then leaves out is lost (Invariant 5). The text may
 * be translated, the SQLSTATE (object_not_in_prerequisite_state) is not.
 */
function notice(buf: Buffer, from: number, to: number): undefined {
  const { severity, code } = responseFields(buf, from, to);
  if (severity === 'WARNING' && code === '55000') {
    throw new PublicationGap(
      'the publication did not exist at the next change: it was dropped, or dropped and made anew',
    );
  }
  return undefined;
}
