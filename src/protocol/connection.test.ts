import { afterEach, describe, expect, test } from 'vitest';
import { startListener } from '../../test/support/kafka-broker.ts';
import { WireClient } from '../../test/support/kafka-wire.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { MemoryLog } from '../../test/support/memory-log.ts';
import { producedBatch } from '../../test/support/produced-batch.ts';
import { allApis, encode, Random, randomValue } from '../../test/support/random-message.ts';
import { testSeed } from '../../test/support/seed.ts';
import { writeRequest } from '../wire/messages/api.ts';
import { apiVersions } from '../wire/messages/api-versions.ts';
import { KafkaError } from '../wire/messages/error-codes.ts';
import { fetch } from '../wire/messages/fetch.ts';
import { metadata } from '../wire/messages/metadata.ts';
import { produce } from '../wire/messages/produce.ts';
import { NO_UUID } from '../wire/messages/schema.ts';
import type { KafkaListener } from './index.ts';
import type { Limits } from './options.ts';

const all = { topics: null, includeTopicAuthorizedOperations: false };
const int32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};

describe('connections', () => {
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
  /** Another client is served as if nothing had happened. */
  const stillServes = async () => {
    const client = await newClient();
    expect((await client.ask(metadata, 4, all)).topics.length).toBeGreaterThan(0);
    client.close();
  };
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await listener.close();
  });

  test.each([-1, -(2 ** 31), 0, 1, 5, 32 * 2 ** 20 + 1, 2 ** 31 - 1])(
    'a frame of %d bytes is refused',
    async (size) => {
      await open();
      const client = await newClient();
      client.raw(int32(size));
      if (size > 0 && size < 10) client.raw(Buffer.alloc(size));
      await client.closed();
      expect(listener.counters.malformed).toBe(1);
      await stillServes();
    },
  );

  test('only what arrives is held: a large declared size costs nothing', async () => {
    await open();
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 3; i++) (await newClient()).raw(int32(20 << 20));
    await stillServes();
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(5 << 20);
  });

  test('large requests other than Produce are refused', async () => {
    await open({ maxRequestBytes: 1_000 });
    const client = await newClient();
    const topics = Array.from({ length: 500 }, (_, i) => ({ name: `t${i}`, topicId: NO_UUID }));
    client.send(metadata, 4, { ...all, topics });
    await client.closed();
    await stillServes();
  });

  test('requests cut at every byte, one byte at a time, and several in one piece', async () => {
    await open();
    const header = { apiVersion: 9, correlationId: 3, clientId: 'c' };
    const request = Buffer.concat(writeRequest(metadata, header, all));
    for (let length = 0; length < request.length; length++) {
      const client = await newClient();
      client.raw(request.subarray(0, length));
      client.socket.end();
      await client.closed();
      expect(client.received).toBe(0);
    }
    const slow = await newClient();
    for (const byte of request) {
      slow.raw(Buffer.from([byte]));
      await new Promise(setImmediate);
    }
    expect((await slow.answer(metadata, 9)).topics).toHaveLength(1);
    slow.raw(Buffer.concat([request, request, request.subarray(0, 7)]));
    slow.raw(request.subarray(7));
    for (let i = 0; i < 3; i++) expect((await slow.answer(metadata, 9)).topics).toHaveLength(1);
  });

  test('ApiVersions: the list is what is served; a version from the future is answered in version 0', async () => {
    await open();
    const client = await newClient();
    const software = { clientSoftwareName: 'n', clientSoftwareVersion: '1' };
    const { apiKeys, errorCode } = await client.ask(apiVersions, 3, software);
    expect(errorCode).toBe(0);
    expect(apiKeys.find(({ apiKey }) => apiKey === produce.key)).toEqual({ apiKey: 0, minVersion: 0, maxVersion: 12 });
    expect(apiKeys.every(({ minVersion }) => minVersion === 0)).toBe(true);
    client.raw(
      Buffer.concat(writeRequest({ ...apiVersions, lastVersion: 99 }, { ...ids(), apiVersion: 99 }, software)),
    );
    expect(await client.answer(apiVersions, 0)).toMatchObject({ errorCode: KafkaError.UNSUPPORTED_VERSION, apiKeys });
    // The connection goes on.
    expect((await client.ask(apiVersions, 0, software)).apiKeys).toEqual(apiKeys);
  });

  test.each<[string, Buffer]>([
    ['an unknown API', Buffer.concat(writeRequest({ ...metadata, key: 999 }, { ...ids(), apiVersion: 1 }, all))],
    ['a negative API', Buffer.concat(writeRequest({ ...metadata, key: -1 }, { ...ids(), apiVersion: 1 }, all))],
    ['an unknown version', Buffer.concat(writeRequest(metadata, { ...ids(), apiVersion: 99 }, all))],
    ['a negative version', Buffer.concat(writeRequest(metadata, { ...ids(), apiVersion: -1 }, all))],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
    ['TLS', Buffer.from('16030100c8010000c40303', 'hex')],
    ['a few zeros', Buffer.alloc(64)],
  ])('%s closes the connection', async (_name, bytes) => {
    await open();
    const client = await newClient();
    client.raw(bytes);
    await client.closed();
    expect(client.received).toBe(0);
    expect(listener.counters.malformed).toBe(1);
    await stillServes();
  });

  test('every API that is offered answers every version with what its reader expects, whatever is asked', async () => {
    await open();
    const seed = testSeed;
    console.log(`connections: seed ${seed} (TAILRACE_SEED)`);
    const random = new Random(seed);
    for (const api of await offered()) {
      for (let version = api.firstVersion; version <= api.lastVersion; version++) {
        const client = await newClient();
        for (let round = 0; round < 3; round++) {
          const request = { ...(randomValue(api.request, version, random) as object), maxWaitMs: 0, acks: 1 };
          client.raw(frame(api.key, version, encode(api.request, version, version >= api.flexibleFrom, request), api));
          await client.answer(api as never, version);
        }
        client.close();
      }
    }
    await stillServes();
  });

  test('broken requests to every API: an answer or a closed connection, and the next client is served', async () => {
    await open();
    const random = new Random(testSeed);
    const rounds = Number(process.env.TAILRACE_WIRE_ROUNDS ?? (process.env.TAILRACE_FULL === undefined ? 20 : 500));
    for (const api of await offered()) {
      for (let round = 0; round < rounds; round++) {
        const version = random.below(api.lastVersion + 1);
        const request = { ...(randomValue(api.request, version, random) as object), maxWaitMs: 0, acks: 1 };
        const body = encode(api.request, version, version >= api.flexibleFrom, request);
        for (let flips = 1 + random.below(4); flips > 0 && body.length > 0; flips--) {
          body[random.below(body.length)] = random.next() < 0.5 ? 0xff : random.below(256);
        }
        const client = await newClient();
        client.raw(frame(api.key, version, body, api));
        client.socket.end();
        await client.closed();
      }
    }
    await stillServes();
  });

  test('a client that stops inside a request is cut off; one that sleeps is closed later', async () => {
    await open({ stallMs: 60_000, idleMs: 600_000 });
    const [stalled, idle] = [await newClient(), await newClient()];
    const request = Buffer.concat(writeRequest(metadata, { ...ids(), apiVersion: 4 }, all));
    stalled.raw(request.subarray(0, 9));
    await idle.ask(metadata, 4, all);
    await clock.advance(50_000);
    expect(listener.counters.stalled).toBe(0);
    await clock.advance(20_000);
    await stalled.closed();
    expect(listener.counters.stalled).toBe(1);
    await idle.ask(metadata, 4, all);
    await clock.advance(610_000);
    await idle.closed();
    expect(listener.counters.stalled).toBe(1);
  });

  test('a client that takes no answers is read no further, held to its share, and cut off', async () => {
    await open({ memoryBytes: 4 << 20, maxFetchBytes: 1 << 20 });
    const producer = await newClient();
    const big = 'x'.repeat(1_000_000);
    for (let i = 0; i < 4; i++) {
      const partitionData = [{ index: 0, records: [producedBatch([big])] }];
      await producer.ask(produce, 9, { acks: 1, timeoutMs: 0, topicData: [{ name: 't', partitionData }] });
    }
    const before = log.reads;
    const lazy = await newClient();
    lazy.socket.pause();
    for (let i = 0; i < 200; i++) lazy.send(fetch, 11, fetchAll);
    while (log.reads === before) await new Promise(setImmediate);
    // Others are served meanwhile.
    for (let i = 0; i < 20; i++) {
      const { responses } = await producer.ask(fetch, 11, fetchAll);
      expect(responses[0]!.partitions[0]!.records?.length).toBeGreaterThan(1_000_000);
    }
    // Beyond what the system's socket buffers take, one answer.
    expect(log.reads - before - 20).toBeLessThan(20);
    await clock.advance(70_000);
    expect(listener.counters.stalled).toBe(1);
    lazy.socket.resume();
    await lazy.closed();
  });

  test('at the limit of connections, one that never asked makes room; those that did are kept', async () => {
    await open({ maxConnections: 3 });
    const used = await newClient();
    await used.ask(metadata, 4, all);
    const unused = [await newClient(), await newClient()];
    const next = await newClient();
    await next.ask(metadata, 4, all);
    await unused[0]!.closed();
    await unused[1]!.ask(metadata, 4, all);
    const refused = await newClient();
    await refused.closed();
    for (const client of [used, unused[1]!, next]) await client.ask(metadata, 4, all);
    expect(listener.counters.connectionsRefused).toBe(2);
  });

  test('many waiting fetches, all woken by one record', async () => {
    await open();
    const waiting = await Promise.all(Array.from({ length: 200 }, newClient));
    for (const client of waiting) client.send(fetch, 11, { ...fetchAll, maxWaitMs: 60_000 });
    while (log.waiting < waiting.length) await new Promise(setImmediate);
    const partitionData = [{ index: 0, records: [producedBatch(['v'])] }];
    const producer = await newClient();
    await producer.ask(produce, 9, { acks: 1, timeoutMs: 0, topicData: [{ name: 't', partitionData }] });
    for (const client of waiting) {
      const { responses } = await client.answer(fetch, 11);
      expect(responses[0]!.partitions[0]!.highWatermark).toBe(1n);
    }
    expect(log.waiting).toBe(0);
  });

  test('a waiting fetch ends when the client leaves', async () => {
    await open();
    const client = await newClient();
    client.send(fetch, 11, { ...fetchAll, maxWaitMs: 60_000 });
    while (log.waiting === 0) await new Promise(setImmediate);
    client.close();
    while (log.waiting > 0) await new Promise(setImmediate);
    await stillServes();
  });

  test('closing: running requests end, waiting ones are answered early, new ones are not begun', async () => {
    await open();
    const client = await newClient();
    log.hold();
    const partitionData = [{ index: 0, records: [producedBatch(['v'])] }];
    client.send(produce, 9, { acks: 1, timeoutMs: 0, topicData: [{ name: 't', partitionData }] });
    await stillServes();
    const closing = listener.close();
    log.release();
    expect((await client.answer(produce, 9)).responses[0]!.partitionResponses[0]!.errorCode).toBe(0);
    await closing;
    await client.closed();
    await listener.close();
  });

  test('an address that others can reach, and a port that is taken', async () => {
    await open();
    for (const host of ['0.0.0.0', '::', '192.168.1.1', 'example.com']) {
      await expect(startListener(log, { listen: { host, port: 0 } })).rejects.toMatchObject({ code: 'kafka.insecure' });
    }
    const taken = startListener(log, { listen: { host: '127.0.0.1', port: listener.port } });
    await expect(taken).rejects.toMatchObject({ code: 'kafka.port_in_use' });
  });

  async function offered() {
    const client = await newClient();
    const { apiKeys } = await client.ask(apiVersions, 0, { clientSoftwareName: '', clientSoftwareVersion: '' });
    const keys = new Set(apiKeys.map(({ apiKey }) => apiKey));
    return (await allApis()).filter(({ key }) => keys.has(key));
  }
});

function ids() {
  return { correlationId: 1, clientId: 'c' };
}

const fetchAll = {
  maxWaitMs: 0,
  minBytes: 1,
  topics: [
    { topic: 't', topicId: NO_UUID, partitions: [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 1 << 20 }] },
  ],
  forgottenTopicsData: [],
};

function frame(apiKey: number, version: number, body: Buffer, { flexibleFrom }: { flexibleFrom: number }): Buffer {
  const header = Buffer.alloc(version >= flexibleFrom ? 12 : 11);
  header.writeInt16BE(apiKey, 0);
  header.writeInt16BE(version, 2);
  header.writeInt32BE(1, 4);
  header.writeInt16BE(1, 8);
  header.write('c', 10);
  return Buffer.concat([int32(header.length + body.length), header, body]);
}
