/**
 * PostgreSQL's message framing over a socket taken from `pg` (manual, 55.2): type byte, length (with itself), body.
 * Messages are handed out as places in the receive buffer, never copied or allocated by their declared size.
 *
 * Reading: over TCP the server sends every row on its own, and a reader that takes each at once costs both sides a system
 * call and a wake-up a row. So while data is streaming in, the socket rests for a millisecond after a read that took all there
 * was. A Unix socket never rests.
 */
import type { Socket } from 'node:net';
import { TailraceError } from '../../src/sdk/index.ts';
import { takeReads } from './read-buffer.ts';

const HEADER_BYTES = 5;
/** The buffer's size while messages are no larger. */
const BUFFER_BYTES = 256 * 1024;
/** Node reads this much at once: after less the socket was empty. */
const FULL_READ_BYTES = 64 * 1024;
const REST_MS = 1;
/** Reads further apart than this are not a stream: they are handed on without a rest. */
const STREAM_GAP_MS = 4;
/** PostgreSQL sends no message above 1 GiB. */
const MAX_MESSAGE_BYTES = 0x40000000 + 1024;

/**
 * Takes one message at buf[from, to), which is good until it returns. A promise stops reading until it resolves; `again`
 * then gives the same message once more, otherwise the next one follows.
 */
export type TakeMessage = (type: number, buf: Buffer, from: number, to: number) => Pause | undefined;
export interface Pause {
  readonly until: Promise<unknown>;
  readonly again: boolean;
}

export interface MessageSocketOptions {
  readonly socket: Socket;
  readonly take: TakeMessage;
  /** After the messages of one read: the place for back-pressure. */
  readonly afterRead: () => Promise<void> | undefined;
}

/** Of a TCP, TLS or Unix socket. */
interface ReadHandle {
  readStop(): number;
  readStart(): number;
}

export class MessageSocket {
  readonly #socket: Socket;
  readonly #options: MessageSocketOptions;
  readonly #rests: boolean;
  #buffer: Buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  #start = 0;
  #end = 0;
  #busy = false;
  #lastRead = 0;
  #timer: NodeJS.Timeout | undefined;
  #settle: { resolve(): void; reject(error: unknown): void } | null = null;
  #over = false;
  /** Resolves after `stop`, rejects when the line breaks or a message cannot be taken. */
  readonly done: Promise<void>;

  constructor(options: MessageSocketOptions) {
    this.#options = options;
    this.#socket = options.socket;
    this.#rests = options.socket.remoteAddress !== undefined;
    this.done = new Promise<void>((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.done.catch(() => {});
    takeReads(this.#socket, (buf, count) => this.#onData(buf, count));
    this.#socket.on('error', (error) => this.#finish({ error }));
    this.#socket.on('close', () => this.#finish({ error: closed() }));
    this.#socket.on('end', () => this.#finish({ error: closed() }));
    this.#socket.resume();
  }

  write(bytes: Uint8Array): void {
    if (!this.#socket.destroyed && this.#socket.writable) this.#socket.write(bytes);
  }

  /** No message is taken afterwards. */
  stop(): void {
    this.#finish(null);
  }

  #finish(failure: { readonly error: unknown } | null): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    this.#pause();
    if (failure === null) this.#settle?.resolve();
    else this.#settle?.reject(failure.error);
  }

  #onData(buf: Buffer, count: number): void {
    if (this.#over) return;
    this.#append(buf, count);
    if (this.#busy) {
      this.#pause();
      return;
    }
    const now = performance.now();
    const streaming = now - this.#lastRead < STREAM_GAP_MS;
    this.#lastRead = now;
    this.#work();
    if (this.#busy || this.#over) return;
    if (count >= FULL_READ_BYTES) this.#yield();
    else if (this.#rests && streaming) this.#rest();
  }

  /** Node reads on at once, dozens of times, while there is more: what else has happened, on the disk say, would wait. */
  #yield(): void {
    this.#pause();
    setImmediate(() => {
      if (!this.#over && !this.#busy) this.#resume();
    });
  }

  #rest(): void {
    this.#pause();
    this.#timer = setTimeout(() => {
      // What comes now has been waiting.
      this.#lastRead = performance.now();
      if (!this.#over && !this.#busy) this.#resume();
    }, REST_MS);
  }

  /** `Socket.pause` goes on reading, into a queue of small pieces: only the handle really rests. */
  #pause(): void {
    this.#handle()?.readStop();
  }

  #resume(): void {
    this.#handle()?.readStart();
  }

  #handle(): ReadHandle | null {
    return (this.#socket as unknown as { readonly _handle: ReadHandle | null })._handle;
  }

  #append(buf: Buffer, count: number): void {
    const kept = this.#end - this.#start;
    if (kept === 0 || this.#buffer.length - this.#end < count) this.#makeRoom(kept, count);
    buf.copy(this.#buffer, this.#end, 0, count);
    this.#end += count;
  }

  /** Doubled for a message that goes on, so that one of many pieces is not copied again for each; as before behind it. */
  #makeRoom(kept: number, count: number): void {
    const from = this.#buffer;
    const needed = kept + count;
    if (needed > from.length) this.#buffer = Buffer.allocUnsafeSlow(2 * needed);
    else if (from.length > BUFFER_BYTES && 2 * needed <= BUFFER_BYTES)
      this.#buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
    from.copy(this.#buffer, 0, this.#start, this.#end);
    this.#start = 0;
    this.#end = kept;
  }

  #work(): void {
    try {
      const pause = this.#takeAll();
      const wait = pause?.until ?? (this.#over ? undefined : this.#options.afterRead());
      if (wait !== undefined) this.#waitFor(wait);
    } catch (error) {
      this.#finish({ error });
    }
  }

  #waitFor(wait: Promise<unknown>): void {
    this.#busy = true;
    this.#pause();
    wait.then(
      () => {
        this.#busy = false;
        if (this.#over) return;
        this.#work();
        if (!this.#busy && !this.#over) this.#resume();
      },
      (error: unknown) => this.#finish({ error }),
    );
  }

  #takeAll(): Pause | undefined {
    while (!this.#over && this.#end - this.#start >= HEADER_BYTES) {
      const at = this.#start;
      const length = this.#buffer.readInt32BE(at + 1);
      if (length < 4 || length > MAX_MESSAGE_BYTES) {
        throw new TailraceError(
          'source.unsupported',
          `the server sent a message of ${length} bytes: not PostgreSQL's protocol`,
        );
      }
      const next = at + 1 + length;
      if (next > this.#end) return undefined;
      const pause = this.#options.take(this.#buffer[at]!, this.#buffer, at + HEADER_BYTES, next);
      if (pause?.again !== true) this.#start = next;
      if (pause !== undefined) return pause;
    }
    return undefined;
  }
}

function closed(): Error {
  return Object.assign(new Error('the server closed the connection'), { code: 'ECONNRESET' });
}

/** Fields of an ErrorResponse or NoticeResponse (55.8). */
export function responseFields(
  buf: Buffer,
  from: number,
  to: number,
): { severity: string; code: string; message: string } {
  const fields = new Map<string, string>();
  for (let at = from; at < to && buf[at] !== 0; ) {
    const end = buf.indexOf(0, at + 1);
    if (end < 0 || end >= to) break;
    fields.set(String.fromCharCode(buf[at]!), buf.toString('utf8', at + 1, end));
    at = end + 1;
  }
  return {
    severity: fields.get('V') ?? fields.get('S') ?? '',
    code: fields.get('C') ?? '',
    message: fields.get('M') ?? '',
  };
}

/** An ErrorResponse as the error that `asSourceError` understands. */
export function serverError(buf: Buffer, from: number, to: number): Error {
  const { code, message } = responseFields(buf, from, to);
  return Object.assign(new Error(message), { code });
}

/** A simple Query message. */
export function queryMessage(sql: string): Buffer {
  const body = Buffer.from(`${sql}\0`);
  const message = Buffer.allocUnsafe(5 + body.length);
  message[0] = 0x51;
  message.writeInt32BE(4 + body.length, 1);
  body.copy(message, 5);
  return message;
}
