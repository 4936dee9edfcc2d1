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
import type { Clock, Logger } from '../contracts/plugin.ts';
import { type RequestHeader, readRequestHeader } from '../wire/messages/api.ts';
import { apiVersions } from '../wire/messages/api-versions.ts';
import { produce } from '../wire/messages/produce.ts';
import { malformed, ProtocolReader } from '../wire/primitives.ts';
import { FrameReader } from './frame-reader.ts';
import { unsupportedApiVersions } from './handlers/api-versions.ts';
import type { MemoryBudget, Reservation } from './memory-budget.ts';
import type { Limits } from './options.ts';
import type { RegisteredApi, RequestContext } from './request.ts';

/** Requests of one connection that are read and not yet answered. */
const MAX_PIPELINED = 32;
/** Frames up to this size are received without a share of the memory budget. */
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

export interface ConnectionOptions {
  readonly apis: ReadonlyMap<number, RegisteredApi>;
  readonly limits: Limits;
  readonly budget: MemoryBudget;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly counters: Counters;
}

interface Frame {
  readonly bytes: Buffer;
  readonly reservation: Reservation | null;
}

interface Answer {
  readonly pieces: readonly Uint8Array[] | null;
  readonly close: boolean;
}

export class Connection {
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  readonly #clientHost: string;
  readonly #closing = new AbortController();
  readonly #frames: FrameReader;
  readonly #waiting: Frame[] = [];
  /** Whether all requests whose response is not yet sent are Produce. */
  #onlyProduce = true;
  #inFlight = 0;
  #onAnswered = () => {};
  #pumping = false;
  #failed = false;
  /** The listener is closing: nothing more is begun. */
  #refusing = false;
  #sent: Promise<void> = Promise.resolve();
  /** Requests seen so far. */
  #requests = 0;
  #lastRequestAt: number;
  #receivingSince: number | null = null;
  #sendingSince: number | null = null;

  constructor(socket: Socket, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#clientHost = socket.remoteAddress ?? '';
    this.#frames = new FrameReader(options.limits.maxProduceBytes);
    this.#lastRequestAt = options.clock.monotonic();
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
      while (this.#inFlight > 0) await this.#nextAnswer();
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
      while (this.#inFlight > 0) await this.#nextAnswer();
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
    const since = this.#sendingSince ?? this.#receivingSince;
    // Others wait for the memory that it may be holding.
    const patienceMs = budget.contended ? limits.stallMs / CONTENDED_PATIENCE : limits.stallMs;
    const stalled = since !== null && now - since > patienceMs;
    const idle = this.#inFlight === 0 && now - this.#lastRequestAt > limits.idleMs;
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
    this.#inFlight++;
    this.#waiting.push(frame);
    if (!this.#pumping) void this.#pump();
    while (this.#inFlight >= MAX_PIPELINED) await this.#nextAnswer();
  }

  async #pump(): Promise<void> {
    this.#pumping = true;
    for (let frame = this.#waiting.shift(); frame !== undefined; frame = this.#waiting.shift()) {
      const isProduce = frame.bytes.length >= 2 && frame.bytes.readInt16BE(0) === produce.key;
      if (!isProduce || !this.#onlyProduce) await this.#sent;
      this.#onlyProduce = isProduce;
      this.#start(frame);
    }
    this.#pumping = false;
  }

  #start({ bytes, reservation }: Frame): void {
    const held: Reservation[] = reservation === null ? [] : [reservation];
    const answer = this.#answer(bytes, held);
    const before = this.#sent;
    this.#sent = (async () => {
      try {
        const { pieces, close } = await answer;
        await before;
        if (pieces !== null) await this.#send(pieces);
        if (close) this.#socket.destroySoon();
      } catch (error) {
        this.#fail(error);
      } finally {
        for (const share of held) share.release();
        this.#inFlight--;
        this.#lastRequestAt = this.#options.clock.monotonic();
        this.#onAnswered();
      }
    })();
  }

  async #answer(bytes: Buffer, held: Reservation[]): Promise<Answer> {
    const reader = new ProtocolReader(bytes);
    const header = readRequestHeader(reader);
    const registered = this.#options.apis.get(header.apiKey);
    const known = registered?.api;
    if (registered === undefined || known === undefined || !speaks(known, header.apiVersion)) {
      if (header.apiKey !== apiVersions.key) throw malformed(unknown(header), 0);
      return { pieces: unsupportedApiVersions(this.#options.apis, header.correlationId), close: false };
    }
    if (header.apiKey !== produce.key && bytes.length > this.#options.limits.maxRequestBytes) {
      throw malformed(`${known.name} request of ${bytes.length} bytes`, 0);
    }
    let close = false;
    const context: RequestContext = {
      header,
      clientHost: this.#clientHost,
      signal: this.#closing.signal,
      hold: (reservation) => void held.push(reservation),
      closeAfter: () => {
        close = true;
      },
    };
    const pieces = await registered.respond(reader, context);
    return { pieces, close };
  }

  async #send(pieces: readonly Uint8Array[]): Promise<void> {
    const socket = this.#socket;
    let queued = 0;
    socket.cork();
    for (const piece of pieces) {
      for (let at = 0; at < piece.length; at += WRITE_SLICE) {
        if (socket.destroyed) return;
        const slice = piece.subarray(at, at + WRITE_SLICE);
        socket.write(slice);
        queued += slice.length;
        if (queued < WRITE_SLICE) continue;
        socket.uncork();
        await this.#taken();
        socket.cork();
        queued = 0;
      }
    }
    socket.uncork();
    await this.#taken();
  }

  /** Resolves when the client has taken what was written, but for a little, or is gone. */
  async #taken(): Promise<void> {
    const socket = this.#socket;
    if (!socket.writableNeedDrain || socket.destroyed) return;
    this.#sendingSince = this.#options.clock.monotonic();
    await new Promise<void>((resolve) => {
      const done = () => {
        socket.off('drain', done);
        socket.off('close', done);
        resolve();
      };
      socket.on('drain', done);
      socket.on('close', done);
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
      logger('debug', 'kafka: connection closed', { client: this.#clientHost, reason: error.message });
    } else if (error instanceof TailraceError || (error as { code?: unknown }).code === undefined) {
      logger('error', 'kafka: request failed, connection closed', { client: this.#clientHost, error: String(error) });
    }
  }
}

function speaks(api: RegisteredApi['api'], version: number): boolean {
  return version >= api.firstVersion && version <= api.lastVersion;
}

function unknown({ apiKey, apiVersion }: RequestHeader): string {
  return `API ${apiKey} version ${apiVersion} is not offered`;
}
