/** Clients that mean harm, or are broken: an answer or a closed connection and a counter, others served, memory bounded. */

import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import fc from '../../test/support/fast-check.ts';
import { startListener } from '../../test/support/kafka-broker.ts';
import { WireClient } from '../../test/support/kafka-wire.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { MemoryLog } from '../../test/support/memory-log.ts';
import { compressedBatch, producedBatch, signed } from '../../test/support/produced-batch.ts';
import { allApis, encode, Random, randomValue } from '../../test/support/random-message.ts';
import { testSeed } from '../../test/support/seed.ts';
import type { AnyApi } from '../wire/messages/api.ts';
import { apiVersions } from '../wire/messages/api-versions.ts';
import { KafkaError } from '../wire/messages/error-codes.ts';
import { joinGroup } from '../wire/messages/join-group.ts';
import { metadata } from '../wire/messages/metadata.ts';
import { produce } from '../wire/messages/produce.ts';
import { syncGroup } from '../wire/messages/sync-group.ts';
import type { KafkaListener } from './index.ts';
import type { Limits } from './options.ts';

const seed = testSeed;
console.log(`hostile clients: seed ${seed} (TAILRACE_SEED)`);
const FULL = process.env.TAILRACE_FULL !== undefined;
/** `KAFKA: malformed` aside, these need not answer a client that has closed its side: acks 0, members that wait. */
const MAY_BE_SILENT = new Set([produce.key, joinGroup.key, syncGroup.key]);
const all = { topics: null, includeTopicAuthorizedOperations: false };

/** Numbers that parsers fall over: lengths that end, overflow, wrap, and overlong varints. */
const EVIL = ['7fffffff', '80000000', 'ffffffff', '00100000', 'ffffffff0f', 'ffffffff7f', '8080808000', 'ff', '00'];

describe('hostile clients', () => {
  let log: MemoryLog;
  let listener: KafkaListener;
  let clock: ManualClock;
  const clients: WireClient[] = [];
  const open = async (limits: Partial<Limits> = {}) => {
    log = new MemoryLog();
    clock = new ManualClock();
    await log.topics.ensure('t', { partitions: 1, cleanup: 'delete' });
    listener = await startListener(log, { clock, limits });
  };
  const newClient = async () => {
    const client = await WireClient.connect(listener.port);
    clients.push(client);
    return client;
  };
  const stillServes = async () => {
    const client = await newClient();
    expect((await client.ask(metadata, 4, all)).topics.length).toBeGreaterThan(0);
    client.close();
  };
  const send = (batch: Buffer) => {
    const topicData = [{ name: 't', partitionData: [{ index: 0, records: [batch] }] }];
    return { acks: -1, timeoutMs: 0, topicData };
  };
  const endOffset = () => log.topics.get('t')!.partitions[0]!.endOffset;
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    log.release();
    await listener.close();
  });

  test('frames with any bytes replaced or put in: answered, or the connection is closed and counted', async () => {
    await open();
    const apis = await offered();
    const damage = fc.array(fc.record({ at: fc.nat(1_000), evil: fc.constantFrom(...EVIL), over: fc.boolean() }), {
      minLength: 1,
      maxLength: 4,
    });
    const frames = fc.record({ api: fc.constantFrom(...apis), version: fc.nat(20), value: fc.nat(), damage });
    const heapBefore = process.memoryUsage().arrayBuffers;
    const property = fc.asyncProperty(frames, async ({ api, version, value, damage }) => {
      const frame = damaged(validFrame(api, version % (api.lastVersion + 1), value), damage);
      const before = listener.counters.malformed;
      const client = await newClient();
      client.raw(Buffer.concat([int32(frame.length), frame]));
      client.socket.end();
      await client.closed();
      const answered = client.received > 0;
      if (!answered && !MAY_BE_SILENT.has(frame.readInt16BE(0))) expect(listener.counters.malformed).toBe(before + 1);
      clients.pop();
    });
    await fc.assert(property, { seed, numRuns: FULL ? 50_000 : 800 });
    expect(process.memoryUsage().arrayBuffers - heapBefore).toBeLessThan(64 << 20);
    await stillServes();
  });

  test('batches that would unpack to more than is allowed are refused, and nothing is appended', async () => {
    await open();
    const zeros = Buffer.alloc(80 << 20);
    const batch = producedBatch(['v']);
    const bombs = [
      compressedBatch(batch, 1, () => gzipSync(zeros)),
      compressedBatch(batch, 4, () => zstdCompressSync(zeros)),
      // Snappy and LZ4 say how much comes out.
      compressedBatch(batch, 2, () => Buffer.from('ffffffff07', 'hex')),
      compressedBatch(batch, 2, (records) => Buffer.concat([Buffer.from('8080808004', 'hex'), records])),
      compressedBatch(batch, 3, () => Buffer.from('04224d186c70ffffffffffffff7f00', 'hex')),
    ];
    const client = await newClient();
    for (const bomb of bombs) {
      const { responses } = await client.ask(produce, 9, send(bomb));
      expect(responses[0]!.partitionResponses[0]!.errorCode).toBe(KafkaError.CORRUPT_MESSAGE);
    }
    expect(endOffset()).toBe(0n);
    await stillServes();
  });

  test('batches that lie, under a checksum that fits: refused or harmless, the log stays readable', async () => {
    await open();
    const client = await newClient();
    const lies = fc.array(fc.record({ at: fc.nat(200), evil: fc.constantFrom(...EVIL) }), {
      minLength: 1,
      maxLength: 3,
    });
    const property = fc.asyncProperty(lies, async (places) => {
      const batch = Buffer.from(producedBatch(['one', { key: 'k', value: null }, 'three']));
      for (const { at, evil } of places) Buffer.from(evil, 'hex').copy(batch, 8 + (at % (batch.length - 8)));
      const before = endOffset();
      const { responses } = await client.ask(produce, 9, send(signed(batch)));
      const { errorCode, baseOffset } = responses[0]!.partitionResponses[0]!;
      expect(errorCode === KafkaError.NONE ? baseOffset : before).toBe(before);
      if (errorCode !== KafkaError.NONE) expect(endOffset()).toBe(before);
      for (const stored of await log.read('t', 0, before, 1)) expect([...stored.records()].length).toBeGreaterThan(0);
    });
    await fc.assert(property, { seed, numRuns: FULL ? 20_000 : 500 });
  });

  test('invariant 10: requests without end are read no further than what may be in flight', async () => {
    await open();
    log.hold();
    const [tiny, small, large] = [await newClient(), await newClient(), await newClient()];
    const sent: [WireClient, number, number, number][] = [
      [tiny, 1, 2_000, 256],
      [small, 60_000, 200, Math.ceil((2 << 20) / 60_000)],
      [large, 1_000_000, 40, Math.ceil((16 << 20) / 1_000_000)],
    ];
    let most = 0;
    for (const [client, bytes, count, allowed] of sent) {
      for (let i = 0; i < count; i++) client.send(produce, 9, send(producedBatch(['x'.repeat(bytes)])));
      most += allowed;
      await settled(() => listener.counters.requests);
      expect(listener.counters.requests, `${bytes} bytes`).toBeLessThanOrEqual(most);
    }
    log.release();
    for (const [client, , count] of sent) for (let i = 0; i < count; i++) await client.answer(produce, 9);
    expect(endOffset()).toBe(2_240n);
  });

  test('a flood of connections: those that asked something go on being served', async () => {
    await open({ maxConnections: 100 });
    const good = await newClient();
    await good.ask(metadata, 4, all);
    for (let wave = 0; wave < (FULL ? 100 : 10); wave++) {
      const flood = await Promise.all(Array.from({ length: 100 }, newClient));
      await good.ask(metadata, 4, all);
      await stillServes();
      for (const client of flood) client.close();
    }
    expect(listener.counters.connectionsRefused).toBeGreaterThan(0);
  });

  test('byte by byte, for ever: cut off after the time for one request', async () => {
    await open({ stallMs: 60_000 });
    const slow = await Promise.all(Array.from({ length: 100 }, newClient));
    const request = Buffer.concat([int32(60_000), Buffer.alloc(60_000)]);
    // A little more every ten seconds, far from the end.
    for (let at = 0; at < 300 && listener.counters.stalled < slow.length; at += 10) {
      for (const client of slow) client.raw(request.subarray(at, at + 10));
      for (let turns = 0; turns < 20; turns++) await new Promise(setImmediate);
      await clock.advance(10_000);
    }
    for (const client of slow) await client.closed();
    expect(listener.counters.stalled).toBe(100);
    await stillServes();
  });

  test('reset while a batch is on its way, then sent again: appended once', async () => {
    await open();
    const random = new Random(seed);
    const producerId = 7n;
    for (let sequence = 0; sequence < (FULL ? 1_000 : 60); sequence++) {
      const batch = producedBatch([`${sequence}`], { producerId, epoch: 0, sequence });
      const victim = await newClient();
      victim.send(produce, 9, send(batch));
      for (let turns = random.below(6); turns > 0; turns--) await new Promise(setImmediate);
      victim.socket.resetAndDestroy();
      const again = await newClient();
      const { responses } = await again.ask(produce, 9, send(batch));
      expect(responses[0]!.partitionResponses[0]!.errorCode).toBe(KafkaError.NONE);
      again.close();
      expect(endOffset()).toBe(BigInt(sequence + 1));
    }
  });

  async function offered(): Promise<readonly AnyApi[]> {
    const client = await newClient();
    const { apiKeys } = await client.ask(apiVersions, 0, { clientSoftwareName: '', clientSoftwareVersion: '' });
    const keys = new Set(apiKeys.map(({ apiKey }) => apiKey));
    return (await allApis()).filter(({ key }) => keys.has(key));
  }
});

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

/** Without its size. */
function validFrame(api: AnyApi, version: number, value: number): Buffer {
  const flexible = version >= api.flexibleFrom;
  const request = { ...(randomValue(api.request, version, new Random(value)) as object), maxWaitMs: 0, acks: 1 };
  const header = Buffer.alloc(flexible ? 12 : 11);
  header.writeInt16BE(api.key, 0);
  header.writeInt16BE(version, 2);
  header.writeInt32BE(1, 4);
  header.writeInt16BE(1, 8);
  header.write('c', 10);
  return Buffer.concat([header, encode(api.request, version, flexible, request)]);
}

/** Behind API key and version, which stay. */
function damaged(
  frame: Buffer,
  damage: readonly { readonly at: number; readonly evil: string; readonly over: boolean }[],
): Buffer {
  let bytes = frame;
  for (const { at, evil, over } of damage) {
    const place = 8 + (at % (bytes.length - 7));
    const put = Buffer.from(evil, 'hex');
    bytes = Buffer.concat([bytes.subarray(0, place), put, bytes.subarray(over ? place + put.length : place)]);
  }
  return bytes;
}

/** Resolves when the number has not changed over many turns of the event loop. */
async function settled(number: () => number): Promise<void> {
  for (let same = 0, last = number(); same < 200; same++) {
    await new Promise(setImmediate);
    if (number() !== last) same = 0;
    last = number();
  }
}
