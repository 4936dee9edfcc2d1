/**
 * Produces at a fixed rate whatever the broker does, and reads along. Latency counts from the time at which a batch was due,
 * so a broker that stalls is not spared the batches that had to wait (coordinated omission).
 */
import { connect, type Socket } from 'node:net';
import { readResponse, writeRequest } from '../../src/wire/messages/api.ts';
import { fetch } from '../../src/wire/messages/fetch.ts';
import { produce } from '../../src/wire/messages/produce.ts';
import { NO_UUID } from '../../src/wire/messages/schema.ts';
import { RecordBatchBuilder, readBatchHeader } from '../../src/wire/record-batch.ts';
import type { Broker } from './brokers.ts';

const PRODUCE_VERSION = 7;
const FETCH_VERSION = 11;
const MAX_FETCH_BYTES = 8 << 20;

export interface Rate {
  readonly batchesPerSecond: number;
  readonly recordsPerBatch: number;
  readonly recordBytes: number;
  readonly seconds: number;
}

export interface Latencies {
  /** ms, sorted. */
  readonly ackMs: number[];
  readonly consumeMs: number[];
}

/** Null when the broker cannot keep up: less than all is acknowledged and read in twice the time. */
export async function openLoop({ port }: Broker, topic: string, rate: Rate): Promise<Latencies | null> {
  const { batchesPerSecond, recordsPerBatch, seconds } = rate;
  const total = batchesPerSecond * seconds;
  const acked: number[] = [];
  const consumed: number[] = [];
  const producer = await Framed.connect(port);
  const consumer = await Framed.connect(port);
  void readAlong(consumer, topic, recordsPerBatch, total, consumed);
  producer.onFrame = (frame) => {
    const { response } = readResponse(frame, produce, PRODUCE_VERSION);
    const code = response.responses[0]?.partitionResponses[0]?.errorCode;
    if (code !== 0) throw new Error(`produce: error ${code}`);
    acked.push(performance.now());
  };
  const topicData = [{ name: topic, partitionData: [{ index: 0, records: [builtBatch(rate)] }] }];
  const request = { transactionalId: null, acks: -1, timeoutMs: 10_000, topicData };
  const due = await sendOnTime(total, 1000 / batchesPerSecond, (correlationId) => {
    const header = { apiVersion: PRODUCE_VERSION, correlationId, clientId: 'bench' };
    producer.socket.write(Buffer.concat(writeRequest(produce, header, request)));
  });
  const deadline = performance.now() + seconds * 1000;
  const done = () => acked.length >= total && consumed.length >= total;
  while (!done() && performance.now() < deadline) await new Promise((wake) => setTimeout(wake, 1));
  producer.socket.destroy();
  consumer.socket.destroy();
  if (!done()) return null;
  // The first second warms up the path.
  const late = (times: readonly number[]) => times.map((at, i) => at - due[i]!).slice(batchesPerSecond);
  return { ackMs: late(acked).sort((a, b) => a - b), consumeMs: late(consumed).sort((a, b) => a - b) };
}

/** Calls `send` at its times, one every `gapMs`; resolves to when each was due. */
async function sendOnTime(total: number, gapMs: number, send: (index: number) => void): Promise<readonly number[]> {
  const start = performance.now() + 50;
  const due: number[] = [];
  while (due.length < total) {
    const now = performance.now();
    for (let next = start + due.length * gapMs; next <= now && due.length < total; next += gapMs) {
      send(due.length);
      due.push(next);
    }
    // Timers are no finer than a millisecond: near the next one it only looks at the sockets.
    const wait = start + due.length * gapMs - performance.now();
    await new Promise<void>((wake) => void (wait > 1.5 ? setTimeout(wake, 1) : setImmediate(wake)));
  }
  return due;
}

function builtBatch({ recordsPerBatch, recordBytes }: Rate): Uint8Array {
  const builder = new RecordBatchBuilder();
  const value = Buffer.alloc(recordBytes, 'x');
  builder.begin(Date.now());
  for (let i = 0; i < recordsPerBatch; i++) builder.append(Date.now(), null, value);
  return builder.finish();
}

/** Notes when each batch has arrived. */
async function readAlong(
  client: Framed,
  topic: string,
  recordsPerBatch: number,
  total: number,
  consumed: number[],
): Promise<void> {
  let offset = 0n;
  while (consumed.length < total) {
    const request = fetchRequest(topic, offset);
    const header = { apiVersion: FETCH_VERSION, correlationId: 1, clientId: 'bench' };
    const answer = client.next();
    client.socket.write(Buffer.concat(writeRequest(fetch, header, request)));
    const { response } = readResponse(await answer, fetch, FETCH_VERSION);
    const now = performance.now();
    const read = response.responses[0]?.partitions[0];
    if (read?.errorCode !== 0) throw new Error(`fetch: error ${read?.errorCode}`);
    const records = read.records as unknown as Buffer | null;
    for (let at = 0; records !== null && at + 61 <= records.length; ) {
      const { size, baseOffset, lastOffsetDelta } = readBatchHeader(records, at);
      if (at + size > records.length) break;
      at += size;
      offset = baseOffset + BigInt(lastOffsetDelta) + 1n;
      while (BigInt(consumed.length + 1) * BigInt(recordsPerBatch) <= offset) consumed.push(now);
    }
  }
}

function fetchRequest(topic: string, fetchOffset: bigint) {
  const partition = { partition: 0, fetchOffset, partitionMaxBytes: MAX_FETCH_BYTES };
  return {
    maxWaitMs: 500,
    minBytes: 1,
    maxBytes: MAX_FETCH_BYTES,
    topics: [{ topic, topicId: NO_UUID, partitions: [partition] }],
    forgottenTopicsData: [],
  };
}

/** A socket whose frames are counted off as they come. */
class Framed {
  readonly socket: Socket;
  onFrame: (frame: Buffer) => void = () => {};
  #chunks: Buffer[] = [];
  #bytes = 0;
  #wanted = 4;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#push(chunk));
  }

  static connect(port: number): Promise<Framed> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => resolve(new Framed(socket)));
      socket.once('error', reject);
    });
  }

  next(): Promise<Buffer> {
    return new Promise((resolve) => {
      this.onFrame = resolve;
    });
  }

  #push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    while (this.#bytes >= this.#wanted) {
      const all = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
      const size = 4 + all.readInt32BE(0);
      this.#chunks = [all];
      this.#wanted = size;
      if (all.length < size) return;
      const rest = all.subarray(size);
      this.#chunks = rest.length === 0 ? [] : [rest];
      this.#bytes = rest.length;
      this.#wanted = 4;
      this.onFrame(all.subarray(4, size));
    }
  }
}
