/** Compressed transactions (TRANSACTION_PAYLOAD): opened piece by piece, so that memory holds one event and not all. */
import { createZstdDecompress } from 'node:zlib';
import { HEADER_BYTES, type PayloadHeader } from './binlog-event.ts';
import type { Wait } from './packet-socket.ts';
import { need, unsupported } from './source-errors.ts';

const ZSTD = 0;
const PLAIN = 255;
/** An event is not longer than `max_allowed_packet` can be. */
const MAX_EVENT_BYTES = 2 ** 30;

export interface PayloadConsumer {
  /** One event without checksum. */
  readonly take: (buf: Buffer, from: number, to: number) => Wait;
  readonly drain: () => Wait;
}

/** Hands on the events inside, in order. Throws `source.unsupported` for what cannot be opened. */
export async function payloadEvents(
  { compression, at, bytes }: PayloadHeader,
  buf: Buffer,
  consumer: PayloadConsumer,
): Promise<void> {
  const events = new EventPieces(consumer);
  const payload = buf.subarray(at, at + bytes);
  if (compression === PLAIN) await events.take(payload);
  else if (compression === ZSTD) await inflate(payload, events);
  else throw unsupported(`a transaction is compressed in an unknown way (${compression})`);
  events.end();
}

async function inflate(payload: Buffer, events: EventPieces): Promise<void> {
  const stream = createZstdDecompress();
  stream.end(payload);
  try {
    for await (const chunk of stream) await events.take(chunk as Buffer);
  } catch (error) {
    if (error instanceof Error && 'errno' in error) throw unsupported('a compressed transaction cannot be opened');
    throw error;
  } finally {
    stream.destroy();
  }
}

/** Joins pieces to events. */
class EventPieces {
  readonly #consumer: PayloadConsumer;
  #kept: Buffer = Buffer.alloc(0);

  constructor(consumer: PayloadConsumer) {
    this.#consumer = consumer;
  }

  async take(piece: Buffer): Promise<void> {
    const buf = this.#kept.length === 0 ? piece : Buffer.concat([this.#kept, piece]);
    let at = 0;
    while (buf.length - at >= HEADER_BYTES) {
      const size = buf.readUInt32LE(at + 9);
      need(size >= HEADER_BYTES && size <= MAX_EVENT_BYTES);
      if (buf.length - at < size) break;
      const wait = this.#consumer.take(buf, at, at + size);
      if (wait !== undefined) await wait;
      at += size;
    }
    this.#kept = buf.subarray(at);
    await this.#consumer.drain();
  }

  end(): void {
    need(this.#kept.length === 0);
  }
}
