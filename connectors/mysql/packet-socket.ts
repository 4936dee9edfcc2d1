/**
 * Packets of the MySQL protocol over a socket taken from the driver: length (3 bytes), sequence number, payload; a payload
 * of 2^24 - 1 bytes goes on in the next packet. Payloads are handed out as places in the receive buffer; only those of
 * several packets are joined.
 */
import type { Socket } from 'node:net';
import { unsupported } from './source-errors.ts';

const HEADER_BYTES = 4;
const FULL_PACKET_BYTES = 0xffffff;
/** The server's limit of `max_allowed_packet`; an event is not longer. */
const MAX_PAYLOAD_BYTES = 2 ** 30 + 1024;
const SMALL_BYTES = 128 * 1024;

/** What stops the reading until it resolves. */
export type Wait = Promise<unknown> | undefined;

export interface PacketSocketOptions {
  readonly socket: Socket;
  /** Takes one payload at buf[from, to), not empty. */
  readonly take: (buf: Buffer, from: number, to: number) => Wait;
  /** After the payloads of one read: the place for back-pressure. */
  readonly afterRead: () => Wait;
}

export class PacketSocket {
  readonly #options: PacketSocketOptions;
  readonly #socket: Socket;
  #buffer: Buffer = Buffer.allocUnsafe(0);
  #start = 0;
  #end = 0;
  /** Pieces of a payload that goes on. */
  #pieces: Buffer[] = [];
  #pieceBytes = 0;
  #busy = false;
  #over = false;
  #settle: { resolve(): void; reject(error: unknown): void } | null = null;
  /** Resolves after `stop`, rejects when the line breaks or a payload cannot be taken. */
  readonly done: Promise<void>;

  constructor(options: PacketSocketOptions) {
    this.#options = options;
    this.#socket = options.socket;
    this.done = new Promise<void>((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.done.catch(() => {});
    this.#socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    this.#socket.on('error', (error) => this.#finish({ error }));
    this.#socket.on('close', () => this.#finish({ error: closed() }));
    this.#socket.on('end', () => this.#finish({ error: closed() }));
    this.#socket.resume();
  }

  /** Sends one command, the first packet of an exchange. */
  command(payload: Uint8Array): void {
    const packet = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
    packet.writeUIntLE(payload.length, 0, 3);
    packet[3] = 0;
    packet.set(payload, HEADER_BYTES);
    if (!this.#socket.destroyed && this.#socket.writable) this.#socket.write(packet);
  }

  /** No payload is taken afterwards. */
  stop(): void {
    this.#finish(null);
  }

  /** Ends the line as broken. */
  fail(error: unknown): void {
    this.#finish({ error });
  }

  /** True while the reader holds the line back. */
  get waiting(): boolean {
    return this.#busy;
  }

  #finish(failure: { readonly error: unknown } | null): void {
    if (this.#over) return;
    this.#over = true;
    this.#socket.pause();
    if (failure === null) this.#settle?.resolve();
    else this.#settle?.reject(failure.error);
  }

  #onData(chunk: Buffer): void {
    if (this.#over) return;
    this.#append(chunk);
    if (this.#busy) this.#socket.pause();
    else this.#work();
  }

  #append(chunk: Buffer): void {
    const kept = this.#end - this.#start;
    if (kept === 0) {
      this.#buffer = chunk;
      this.#start = 0;
      this.#end = chunk.length;
      return;
    }
    if (this.#buffer.length - this.#end < chunk.length) this.#grow(kept + chunk.length);
    chunk.copy(this.#buffer, this.#end);
    this.#end += chunk.length;
  }

  /** A buffer is never overwritten, only added to: places that were handed out stay good while more arrives. */
  #grow(needed: number): void {
    const larger = Buffer.allocUnsafe(needed > SMALL_BYTES ? 2 * needed : needed);
    this.#buffer.copy(larger, 0, this.#start, this.#end);
    this.#buffer = larger;
    this.#end -= this.#start;
    this.#start = 0;
  }

  #work(): void {
    try {
      const wait = this.#takeAll() ?? (this.#over ? undefined : this.#options.afterRead());
      if (wait !== undefined) this.#waitFor(wait);
    } catch (error) {
      this.#finish({ error });
    }
  }

  #waitFor(wait: Promise<unknown>): void {
    this.#busy = true;
    this.#socket.pause();
    wait.then(
      () => {
        this.#busy = false;
        if (this.#over) return;
        this.#work();
        if (!this.#busy && !this.#over) this.#socket.resume();
      },
      (error: unknown) => this.#finish({ error }),
    );
  }

  #takeAll(): Wait {
    while (!this.#over && this.#end - this.#start >= HEADER_BYTES) {
      const at = this.#start;
      const length = this.#buffer.readUIntLE(at, 3);
      const from = at + HEADER_BYTES;
      if (from + length > this.#end) return undefined;
      this.#start = from + length;
      const wait =
        length === FULL_PACKET_BYTES || this.#pieces.length > 0
          ? this.#join(this.#buffer.subarray(from, from + length))
          : length === 0
            ? undefined
            : this.#options.take(this.#buffer, from, from + length);
      if (wait !== undefined) return wait;
    }
    return undefined;
  }

  #join(piece: Buffer): Wait {
    this.#pieces.push(piece);
    this.#pieceBytes += piece.length;
    // Invariant 10: a payload that never ends is not collected.
    if (this.#pieceBytes > MAX_PAYLOAD_BYTES) {
      throw unsupported('the server sent a packet above 1 GiB', 'this change cannot be read; set `on_gap: resnapshot`');
    }
    if (piece.length === FULL_PACKET_BYTES) return undefined;
    const payload = Buffer.concat(this.#pieces, this.#pieceBytes);
    this.#pieces = [];
    this.#pieceBytes = 0;
    return this.#options.take(payload, 0, payload.length);
  }
}

function closed(): Error {
  return Object.assign(new Error('the server closed the connection'), { code: 'ECONNRESET' });
}

/** An ERR packet (first byte 0xFF) as the error that `asSourceError` understands. */
export function serverError(buf: Buffer, from: number, to: number): Error {
  const errno = to - from >= 3 ? buf.readUInt16LE(from + 1) : 0;
  const marked = buf[from + 3] === 0x23;
  const message = buf.toString('utf8', Math.min(to, from + (marked ? 9 : 3)), to);
  return Object.assign(new Error(message), { errno, code: `ER_${errno}` });
}
