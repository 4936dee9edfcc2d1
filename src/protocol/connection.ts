/**
 * One client connection. Requests are answered in the order in which they came:
 *
 *     socket ─▶ FrameReader ─▶ waiting ─▶ handler ─▶ responses in order ─▶ socket
 *
 * A request is started when the responses to all earlier ones are sent, so that a client that takes none has at most one in
 * memory; only Produce requests run side by side, because they wait for the disk and the log keeps their order. Reading goes on meanwhile, up to a bound, so that a client that leaves is
 * noticed while its request waits.
 */
import type { Socket } from 'node:net';
import { TailraceError } from '../contracts/errors.ts';
import type { Logger } from '../contracts/plugin.ts';
import { produce } from '../wire/messages/produce.ts';
import { clientAddress } from './client-address.ts';
import { type Answer, type Caller, type DispatchOptions, dispatch } from './dispatch.ts';
import { FrameReader } from './frame-reader.ts';
import { InFlight } from './in-flight.ts';
import type { Held, MemoryBudget, Reservation } from './memory-budget.ts';
import { type Authentication, Session } from './security/session.ts';

/** Frames up to this size are received without a share of the memory budget, and from clients that are not authenticated. */
const SMALL_FRAME = 64 << 10;
/** Largest piece written at once: a client that takes none of it within `stallMs` is cut off. */
const WRITE_SLICE = 1 << 20;
/** A stalled client is cut off this much sooner when memory is short. */
const CONTENDED_PATIENCE = 6;

export interface Counters {
  connections: number;
  /** Refused or pushed out because there were too many. */
  connectionsRefused: number;
  requests: number;
  /** Connections closed because of bytes that are not the protocol. */
  malformed: number;
  /** Connections closed because the client sent or took nothing for too long. */
  stalled: number;
}

export interface ConnectionOptions extends DispatchOptions {
  /** Null: everybody is let in. */
  readonly authentication: Authentication | null;
  readonly budget: MemoryBudget;
  readonly logger: Logger;
  readonly counters: Counters;
}

interface Frame {
  readonly bytes: Buffer;
  readonly reservation: Reservation | null;
}

export class Connection {
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  readonly #closing = new AbortController();
  readonly #caller: Caller;
  readonly #frames: FrameReader;
  readonly #waiting: Frame[] = [];
  /** Whether all requests whose response is not yet sent are Produce. */
  #onlyProduce = true;
  readonly #inFlight = new InFlight();
  #onAnswered = () => {};
  #pumping = false;
  #failed = false;
  /** The listener is closing: nothing more is begun. */
  #refusing = false;
  #sent: Promise<void> = Promise.resolve();
  /** Requests seen so far. */
  #requests = 0;
  readonly #openedAt: number;
  #lastRequestAt: number;
  /** Requests wait until then: the client is above its quota (KIP-219). */
  #mutedUntil = 0;
  #receivingSince: number | null = null;
  #sendingSince: number | null = null;

  constructor(socket: Socket, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    const session = new Session(options.authentication);
    const mute = (ms: number) => {
      this.#mutedUntil = Math.max(this.#mutedUntil, options.clock.monotonic() + ms);
    };
    this.#caller = { session, clientHost: clientAddress(socket.remoteAddress), signal: this.#closing.signal, mute };
    this.#frames = new FrameReader(session.user === null ? SMALL_FRAME : options.limits.maxProduceBytes);
    this.#openedAt = options.clock.monotonic();
    this.#lastRequestAt = this.#openedAt;
    socket.on('close', () => this.#closing.abort());
    // Errors end the read loop or the wait for `drain`.
    socket.on('error', () => {});
  }

  /** Whether the client has sent a whole request. */
  get used(): boolean {
    return this.#requests > 0;
  }

  /** Serves the client until it leaves or misbehaves. Never rejects. */
  async run(): Promise<void> {
    try {
      await this.#read();
      // Half closed: what was asked is still answered, without waiting for more records.
      this.#closing.abort();
      while (this.#inFlight.requests > 0) await this.#nextAnswer();
      this.#socket.end();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Lets running requests end, then closes. @param limitMs after that the connection is cut */
  async close(limitMs: number): Promise<void> {
    const { clock } = this.#options;
    this.#refusing = true;
    this.#closing.abort();
    const timeout = new AbortController();
    const drained = (async () => {
      while (this.#inFlight.requests > 0) await this.#nextAnswer();
    })();
    await Promise.race([drained, clock.sleep(limitMs, timeout.signal).catch(() => {})]);
    timeout.abort();
    this.destroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Called every few seconds: cuts off a client that stalls or sleeps. */
  checkProgress(): void {
    const { limits, clock, counters, budget } = this.#options;
    const now = clock.monotonic();
    const unknownSince = this.#caller.session.user === null ? this.#openedAt : null;
    const since = this.#sendingSince ?? this.#receivingSince ?? unknownSince;
    // Others wait for the memory that it may be holding.
    const patienceMs = budget.contended ? limits.stallMs / CONTENDED_PATIENCE : limits.stallMs;
    const stalled = since !== null && now - since > patienceMs;
    const idle = this.#inFlight.requests === 0 && now - this.#lastRequestAt > limits.idleMs;
    if (stalled) counters.stalled++;
    if (stalled || idle) this.destroy();
  }

  async #read(): Promise<void> {
    const { budget, clock } = this.#options;
    const frames = this.#frames;
    let reservation: Reservation | null = null;
    try {
      for await (const chunk of this.#socket as AsyncIterable<Buffer>) {
        frames.push(chunk);
        for (let bytes = frames.next(); bytes !== null; bytes = frames.next()) {
          this.#receivingSince = null;
          const frame = { bytes, reservation };
          reservation = null;
          await this.#accept(frame);
        }
        if (frames.incomplete) this.#receivingSince ??= clock.monotonic();
        if (frames.arrivingBytes > SMALL_FRAME && reservation === null) {
          reservation = await budget.acquire(frames.arrivingBytes, this.#closing.signal);
        }
      }
    } finally {
      reservation?.release();
    }
  }

  async #accept(frame: Frame): Promise<void> {
    if (this.#refusing) return frame.reservation?.release();
    const { counters, clock } = this.#options;
    this.#requests++;
    counters.requests++;
    this.#lastRequestAt = clock.monotonic();
    this.#inFlight.add(frame.bytes.length, frame.reservation !== null);
    this.#waiting.push(frame);
    if (!this.#pumping) void this.#pump();
    while (this.#inFlight.full) await this.#nextAnswer();
  }

  async #pump(): Promise<void> {
    this.#pumping = true;
    for (let frame = this.#waiting.shift(); frame !== undefined; frame = this.#waiting.shift()) {
      const isProduce = frame.bytes.length >= 2 && frame.bytes.readInt16BE(0) === produce.key;
      if (!isProduce || !this.#onlyProduce) await this.#sent;
      this.#onlyProduce = isProduce;
      if (this.#mutedUntil > 0) await this.#unmuted();
      this.#start(frame);
    }
    this.#pumping = false;
  }

  async #unmuted(): Promise<void> {
    const { clock } = this.#options;
    for (let left = this.#mutedUntil - clock.monotonic(); left > 0; left = this.#mutedUntil - clock.monotonic()) {
      if (this.#closing.signal.aborted) return;
      await clock.sleep(left, this.#closing.signal).catch(() => {});
    }
  }

  #start(frame: Frame): void {
    const answer = dispatch(this.#options, this.#caller, frame.bytes);
    const before = this.#sent;
    this.#sent = (async () => {
      let held: readonly Held[] = [];
      try {
        const answered = await answer;
        held = answered.held;
        await before;
        await this.#give(answered);
      } catch (error) {
        this.#fail(error);
      } finally {
        frame.reservation?.release();
        for (const memory of held) memory.release();
        this.#inFlight.remove(frame.bytes.length, frame.reservation !== null);
        this.#lastRequestAt = this.#options.clock.monotonic();
        this.#onAnswered();
      }
    })();
  }

  async #give({ pieces, close }: Answer): Promise<void> {
    if (pieces !== null) await this.#send(pieces);
    if (this.#caller.session.user !== null) this.#frames.maxBytes = this.#options.limits.maxProduceBytes;
    if (!close) return;
    this.#refusing = true;
    this.#socket.destroySoon();
  }

  /** Resolves when the system has taken all of it, or the client is gone: nothing refers to the pieces any more. */
  async #send(pieces: readonly Uint8Array[]): Promise<void> {
    let group: Uint8Array[] = [];
    let bytes = 0;
    for (const piece of pieces) {
      for (let at = 0; at < piece.length; at += WRITE_SLICE) {
        const slice = piece.subarray(at, at + WRITE_SLICE);
        group.push(slice);
        bytes += slice.length;
        if (bytes < WRITE_SLICE) continue;
        await this.#written(group);
        group = [];
        bytes = 0;
      }
    }
    if (group.length > 0) await this.#written(group);
  }

  async #written(pieces: readonly Uint8Array[]): Promise<void> {
    const socket = this.#socket;
    if (socket.closed) return;
    this.#sendingSince = this.#options.clock.monotonic();
    await new Promise<void>((resolve) => {
      const done = () => {
        socket.off('close', done);
        resolve();
      };
      // What is being written when a connection breaks is let go of before it is closed, and not always told of.
      socket.on('close', done);
      socket.cork();
      for (const [i, piece] of pieces.entries()) socket.write(piece, i === pieces.length - 1 ? done : undefined);
      socket.uncork();
    });
    this.#sendingSince = null;
  }

  #nextAnswer(): Promise<void> {
    return new Promise((resolve) => {
      const previous = this.#onAnswered;
      this.#onAnswered = () => {
        this.#onAnswered = () => {};
        previous();
        resolve();
      };
    });
  }

  #fail(error: unknown): void {
    const { counters, logger } = this.#options;
    if (this.#failed) return;
    this.#failed = true;
    this.destroy();
    if (error instanceof TailraceError && error.code === 'kafka.malformed') {
      counters.malformed++;
      logger('debug', 'kafka: connection closed', { client: this.#caller.clientHost, reason: error.message });
    } else if (error instanceof TailraceError || (error as { code?: unknown }).code === undefined) {
      logger('error', 'kafka: request failed, connection closed', {
        client: this.#caller.clientHost,
        error: String(error),
      });
    }
  }
}
