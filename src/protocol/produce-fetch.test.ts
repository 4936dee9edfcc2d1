import { zstdCompressSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startListener, TestBroker } from '../../test/support/kafka-broker.ts';
import { WireClient } from '../../test/support/kafka-wire.ts';
import { MemoryLog } from '../../test/support/memory-log.ts';
import { compressedBatch, producedBatch } from '../../test/support/produced-batch.ts';
import { TailraceError } from '../contracts/errors.ts';
import { ZSTD } from '../wire/compression/decompress.ts';
import { KafkaError } from '../wire/messages/error-codes.ts';
import { fetch } from '../wire/messages/fetch.ts';
import { initProducerId } from '../wire/messages/init-producer-id.ts';
import { listOffsets } from '../wire/messages/list-offsets.ts';
import { metadata } from '../wire/messages/metadata.ts';
import { produce } from '../wire/messages/produce.ts';
import { NO_UUID } from '../wire/messages/schema.ts';
import { checkBatch, readBatchHeader, readRecords } from '../wire/record-batch.ts';
import type { KafkaListener } from './index.ts';

type Batches = Record<string, Record<number, Buffer | null>>;

const produceRequest = (batches: Batches, acks = -1) => ({
  acks,
  timeoutMs: 1_000,
  topicData: Object.entries(batches).map(([name, partitions]) => ({
    name,
    partitionData: Object.entries(partitions).map(([index, records]) => {
      return { index: Number(index), records: records === null ? null : [records] };
    }),
  })),
});

interface FetchOptions {
  readonly offset?: bigint;
  readonly maxWaitMs?: number;
  readonly minBytes?: number;
  readonly maxBytes?: number;
  readonly partitionMaxBytes?: number;
}

const fetchRequest = (places: Record<string, readonly number[]>, options: FetchOptions = {}) => ({
  maxWaitMs: options.maxWaitMs ?? 0,
  minBytes: options.minBytes ?? 1,
  maxBytes: options.maxBytes ?? 1 << 20,
  topics: Object.entries(places).map(([topic, partitions]) => ({
    topic,
    topicId: NO_UUID,
    partitions: partitions.map((partition) => ({
      partition,
      fetchOffset: options.offset ?? 0n,
      partitionMaxBytes: options.partitionMaxBytes ?? 1 << 20,
    })),
  })),
  forgottenTopicsData: [],
});

/** Outcome of the first partition. */
async function produceOne(client: WireClient, batches: Batches, version = 9) {
  const { responses } = await client.ask(produce, version, produceRequest(batches));
  return responses[0]!.partitionResponses[0]!;
}

async function fetchOne(client: WireClient, places: Record<string, readonly number[]>, options: FetchOptions = {}) {
  const { responses } = await client.ask(fetch, 11, fetchRequest(places, options));
  return responses[0]!.partitions[0]!;
}

function valuesIn(records: Buffer | null): string[] {
  const values: string[] = [];
  for (let at = 0; at < (records?.length ?? 0); ) {
    const size = checkBatch(records!, at, records!.length - at);
    for (const { value } of readRecords(records!.subarray(at, at + size))) values.push(String(value));
    at += size;
  }
  return values;
}

describe('produce and fetch', () => {
  let broker: TestBroker;
  let client: WireClient;
  let topics = 0;
  const newTopic = async (partitions = 1, cleanup: 'delete' | 'compact' = 'delete') => {
    const name = `topic-${++topics}`;
    await broker.log.topics.ensure(name, { partitions, cleanup });
    return name;
  };

  beforeAll(async () => {
    broker = await TestBroker.start({ topics: { mayProduce: (topic) => !topic.startsWith('shop.') } });
    client = await WireClient.connect(broker.port);
  });
  afterAll(async () => {
    client.close();
    await broker.close();
  });

  test('what is produced is fetched, untouched but for offset and epoch', async () => {
    const topic = await newTopic();
    const batch = producedBatch([{ key: 'k', value: 'v', headers: [{ key: 'h', value: Buffer.from([1]) }] }, 'w']);
    batch.writeBigInt64BE(77n, 0);
    const sent = Buffer.from(batch);
    expect(await produceOne(client, { [topic]: { 0: batch } })).toMatchObject({ errorCode: 0, baseOffset: 0n });
    expect(await produceOne(client, { [topic]: { 0: producedBatch(['x']) } })).toMatchObject({
      errorCode: 0,
      baseOffset: 2n,
      logStartOffset: 0n,
    });
    const { errorCode, records, highWatermark, lastStableOffset } = await fetchOne(client, { [topic]: [0] });
    expect({ errorCode, highWatermark, lastStableOffset }).toEqual({
      errorCode: 0,
      highWatermark: 3n,
      lastStableOffset: 3n,
    });
    expect(valuesIn(records)).toEqual(['v', 'w', 'x']);
    expect(records!.subarray(16, sent.length)).toEqual(sent.subarray(16));
    expect(readBatchHeader(records!, 0).baseOffset).toBe(0n);
    // From inside a batch the whole batch comes.
    expect(valuesIn((await fetchOne(client, { [topic]: [0] }, { offset: 1n })).records)).toEqual(['v', 'w', 'x']);
    expect(valuesIn((await fetchOne(client, { [topic]: [0] }, { offset: 2n })).records)).toEqual(['x']);
  });

  test('all partitions of a request in one commit; each has its own outcome', async () => {
    const [one, two] = [await newTopic(2), await newTopic(1, 'compact')];
    const request = produceRequest({
      [one]: { 0: producedBatch(['a', 'b']), 1: producedBatch(['c']), 7: producedBatch(['d']) },
      [two]: { 0: producedBatch(['no key']) },
      gone: { 0: producedBatch(['e']) },
      'shop.public.products': { 0: producedBatch(['f']) },
      __tailrace_x: { 0: producedBatch(['g']) },
    });
    await broker.log.topics.ensure('shop.public.products', { partitions: 1, cleanup: 'compact' });
    await broker.log.topics.ensure('__tailrace_x', { partitions: 1, cleanup: 'delete' });
    const { responses } = await client.ask(produce, 9, request);
    const codes = responses.map(({ partitionResponses }) => partitionResponses.map(({ errorCode }) => errorCode));
    expect(codes).toEqual([
      [0, 0, KafkaError.UNKNOWN_TOPIC_OR_PARTITION],
      [KafkaError.INVALID_RECORD],
      [KafkaError.UNKNOWN_TOPIC_OR_PARTITION],
      [KafkaError.TOPIC_AUTHORIZATION_FAILED],
      [KafkaError.TOPIC_AUTHORIZATION_FAILED],
    ]);
    expect(responses[3]!.partitionResponses[0]!.errorMessage).toContain('shop.public.products');
    expect(broker.log.topics.get(one)?.partitions.map(({ endOffset }) => endOffset)).toEqual([2n, 1n]);
    expect(broker.log.topics.get('shop.public.products')?.partitions[0]?.endOffset).toBe(0n);
  });

  test('what no answer fits is refused: acks, transactions, the same partition twice, old formats', async () => {
    const topic = await newTopic();
    const outcome = async (version: number, change: object) => {
      const request = { ...produceRequest({ [topic]: { 0: producedBatch(['v']) } }), ...change };
      const { responses } = await client.ask(produce, version, request);
      return responses.at(-1)!.partitionResponses.at(-1)!.errorCode;
    };
    expect(await outcome(9, { acks: 2 })).toBe(KafkaError.INVALID_REQUIRED_ACKS);
    expect(await outcome(9, { transactionalId: 't' })).toBe(KafkaError.INVALID_TXN_STATE);
    for (const version of [0, 1, 2]) expect(await outcome(version, {})).toBe(KafkaError.UNSUPPORTED_VERSION);
    const partition = { index: 0, records: [producedBatch(['v'])] };
    expect(await outcome(9, { topicData: [{ name: topic, partitionData: [partition, partition] }] })).toBe(
      KafkaError.INVALID_REQUEST,
    );
    expect(broker.log.topics.get(topic)?.partitions[0]?.endOffset).toBe(1n);
    for (const version of [0, 1, 2, 3]) {
      const { responses } = await client.ask(fetch, version, fetchRequest({ [topic]: [0] }));
      expect(responses[0]!.partitions[0]!.errorCode).toBe(KafkaError.UNSUPPORTED_VERSION);
    }
  });

  test('every version of produce and fetch that is served', async () => {
    const topic = await newTopic();
    const topicId = (await client.ask(metadata, 10, { topics: [{ name: topic, topicId: NO_UUID }], ...noOperations }))
      .topics[0]!.topicId;
    for (let version = 3; version <= produce.lastVersion; version++) {
      expect(await produceOne(client, { [topic]: { 0: producedBatch([`v${version}`]) } }, version)).toMatchObject({
        errorCode: 0,
        baseOffset: BigInt(version - 3),
      });
    }
    for (let version = 4; version <= fetch.lastVersion; version++) {
      const request = fetchRequest({ [topic]: [0] });
      const topicList = request.topics.map((each) => ({ ...each, topicId }));
      const { responses } = await client.ask(fetch, version, { ...request, topics: topicList });
      expect(responses[0], `version ${version}`).toMatchObject(version < 13 ? { topic } : { topicId });
      expect(valuesIn(responses[0]!.partitions[0]!.records)).toHaveLength(10);
    }
  });

  test('fetch: unknown topics and ids, offsets outside, replicas, sessions', async () => {
    const topic = await newTopic();
    await produceOne(client, { [topic]: { 0: producedBatch(['v']) } });
    expect(await fetchOne(client, { nowhere: [0] })).toMatchObject({
      errorCode: KafkaError.UNKNOWN_TOPIC_OR_PARTITION,
    });
    expect(await fetchOne(client, { [topic]: [3] })).toMatchObject({
      errorCode: KafkaError.UNKNOWN_TOPIC_OR_PARTITION,
    });
    for (const offset of [2n, -1n, 2n ** 62n]) {
      expect(await fetchOne(client, { [topic]: [0] }, { offset })).toMatchObject({
        errorCode: KafkaError.OFFSET_OUT_OF_RANGE,
        highWatermark: 1n,
      });
    }
    const byId = await client.ask(fetch, 13, fetchRequest({ [topic]: [0] }));
    expect(byId.responses[0]!.partitions[0]!.errorCode).toBe(KafkaError.UNKNOWN_TOPIC_ID);
    const replica = await client.ask(fetch, 11, { ...fetchRequest({ [topic]: [0] }), replicaId: 2 });
    expect(replica.responses[0]!.partitions[0]).toMatchObject({
      errorCode: KafkaError.CLUSTER_AUTHORIZATION_FAILED,
      highWatermark: -1n,
    });
    const state = { replicaState: { replicaId: 2, replicaEpoch: 1n } };
    const newReplica = await client.ask(fetch, 15, { ...fetchRequest({ [topic]: [0] }), ...state });
    expect(newReplica.responses[0]!.partitions[0]!.errorCode).toBe(KafkaError.CLUSTER_AUTHORIZATION_FAILED);
    const session = { ...fetchRequest({ [topic]: [0] }), sessionId: 5, sessionEpoch: 1 };
    expect(await client.ask(fetch, 11, session)).toMatchObject({
      errorCode: KafkaError.FETCH_SESSION_ID_NOT_FOUND,
      responses: [],
    });
    const full = { ...fetchRequest({ [topic]: [0] }), sessionId: 0, sessionEpoch: 0 };
    expect(await client.ask(fetch, 11, full)).toMatchObject({ errorCode: 0, sessionId: 0 });
  });

  test('limits: one batch always comes, more only as far as they fit', async () => {
    const topic = await newTopic(2);
    const large = 'x'.repeat(1_000);
    for (let i = 0; i < 3; i++) {
      await produceOne(client, { [topic]: { 0: producedBatch([large]), 1: producedBatch([large]) } });
    }
    const count = async (options: FetchOptions) => {
      const { responses } = await client.ask(fetch, 11, fetchRequest({ [topic]: [0, 1] }, options));
      return responses[0]!.partitions.map(({ records }) => valuesIn(records).length);
    };
    expect(await count({})).toEqual([3, 3]);
    expect(await count({ maxBytes: 0 })).toEqual([1, 0]);
    expect(await count({ maxBytes: 1 })).toEqual([1, 0]);
    expect(await count({ maxBytes: 2_500 })).toEqual([2, 0]);
    expect(await count({ maxBytes: 4_500 })).toEqual([3, 1]);
    expect(await count({ partitionMaxBytes: 2_500 })).toEqual([2, 2]);
    expect(await count({ partitionMaxBytes: 1 })).toEqual([1, 0]);
    expect(await count({ partitionMaxBytes: -5, maxBytes: -5 })).toEqual([1, 0]);
  });

  test('zstd is kept from clients that cannot read it', async () => {
    const topic = await newTopic();
    await produceOne(client, { [topic]: { 0: compressedBatch(producedBatch(['v']), ZSTD, zstdCompressSync) } });
    const old = await client.ask(fetch, 9, fetchRequest({ [topic]: [0] }));
    expect(old.responses[0]!.partitions[0]).toMatchObject({ errorCode: KafkaError.UNSUPPORTED_COMPRESSION_TYPE });
    expect((await fetchOne(client, { [topic]: [0] })).records?.length).toBeGreaterThan(61);
  });

  test('a fetch waits for records, for enough of them, and no longer than it says', async () => {
    const topic = await newTopic();
    const waiting = await WireClient.connect(broker.port);
    waiting.send(fetch, 11, fetchRequest({ [topic]: [0] }, { maxWaitMs: 30_000 }));
    await produceOne(client, { [topic]: { 0: producedBatch(['first']) } });
    const first = await waiting.answer(fetch, 11);
    expect(valuesIn(first.responses[0]!.partitions[0]!.records)).toEqual(['first']);
    waiting.send(fetch, 11, fetchRequest({ [topic]: [0] }, { offset: 1n, maxWaitMs: 30_000, minBytes: 200 }));
    await produceOne(client, { [topic]: { 0: producedBatch(['second']) } });
    await produceOne(client, { [topic]: { 0: producedBatch(['third']) } });
    expect(waiting.received).toBe(0);
    await produceOne(client, { [topic]: { 0: producedBatch(['x'.repeat(100)]) } });
    const enough = await waiting.answer(fetch, 11);
    expect(valuesIn(enough.responses[0]!.partitions[0]!.records)).toHaveLength(3);
    const before = performance.now();
    const none = await waiting.ask(fetch, 11, fetchRequest({ [topic]: [0] }, { offset: 4n, maxWaitMs: 50 }));
    expect(performance.now() - before).toBeGreaterThanOrEqual(49);
    expect(none.responses[0]!.partitions[0]!.records?.length).toBe(0);
    waiting.close();
  });

  test('offsets by place and by time', async () => {
    const topic = await newTopic();
    const at = (timestamp: number, value: string) => ({ timestamp, value });
    await produceOne(client, { [topic]: { 0: producedBatch([at(1_000, 'a'), at(3_000, 'b')]) } });
    await produceOne(client, {
      [topic]: { 0: compressedBatch(producedBatch([at(2_000, 'c'), at(5_000, 'd')]), ZSTD, zstdCompressSync) },
    });
    await produceOne(client, { [topic]: { 0: producedBatch([at(4_000, 'e')]) } });
    const find = async (timestamp: bigint, version = 8) => {
      const partitions = [{ partitionIndex: 0, timestamp }];
      const request = { replicaId: -1, isolationLevel: 0, topics: [{ name: topic, partitions }] };
      const { topics: answers } = await client.ask(listOffsets, version, request);
      const { errorCode, offset, timestamp: time, oldStyleOffsets } = answers[0]!.partitions[0]!;
      if (version === 0) return oldStyleOffsets;
      return errorCode === 0 ? [offset, time] : errorCode;
    };
    for (let version = 1; version <= 8; version++) {
      expect(await find(-1n, version)).toEqual([5n, -1n]);
      expect(await find(-2n, version)).toEqual([0n, -1n]);
      expect(await find(2_500n, version)).toEqual([1n, 3_000n]);
    }
    expect(await find(0n)).toEqual([0n, 1_000n]);
    expect(await find(3_001n)).toEqual([3n, 5_000n]);
    expect(await find(5_001n)).toEqual([-1n, -1n]);
    expect(await find(-3n)).toEqual([3n, 5_000n]);
    expect(await find(-4n)).toEqual([0n, -1n]);
    expect(await find(-3n, 6)).toBe(KafkaError.UNSUPPORTED_VERSION);
    expect(await find(-9n)).toBe(KafkaError.UNSUPPORTED_VERSION);
    expect(await find(-1n, 0)).toEqual([5n]);
    expect(await find(-2n, 0)).toEqual([0n]);
    const replica = { replicaId: 1, isolationLevel: 0, topics: [{ name: topic, partitions: [] }] };
    const partitions = [{ partitionIndex: 0, timestamp: -1n }];
    const refused = await client.ask(listOffsets, 5, { ...replica, topics: [{ name: topic, partitions }] });
    expect(refused.topics[0]!.partitions[0]!.errorCode).toBe(KafkaError.CLUSTER_AUTHORIZATION_FAILED);
  });

  test('what was acknowledged is there after a restart', async () => {
    const topic = await newTopic();
    await produceOne(client, { [topic]: { 0: producedBatch(['kept']) } });
    client.close();
    await broker.restart();
    client = await WireClient.connect(broker.port);
    expect(valuesIn((await fetchOne(client, { [topic]: [0] })).records)).toEqual(['kept']);
  });
});

const noOperations = { includeTopicAuthorizedOperations: false };

describe('produce and fetch before a commit is durable', () => {
  let log: MemoryLog;
  let listener: KafkaListener;
  const clients: WireClient[] = [];
  const open = async (mayProduce: () => boolean = () => true) => {
    log = new MemoryLog();
    await log.topics.ensure('t', { partitions: 2, cleanup: 'delete' });
    listener = await startListener(log, { topics: { mayProduce } });
  };
  const connect = async () => {
    const client = await WireClient.connect(listener.port);
    clients.push(client);
    return client;
  };
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await listener.close();
  });

  test('invariant 8: no acknowledgement, no reader and no high watermark is ahead of the disk', async () => {
    await open();
    const [producer, consumer] = [await connect(), await connect()];
    await produceOne(producer, { t: { 0: producedBatch(['durable']) } });
    log.hold();
    for (const acks of [1, -1])
      producer.send(produce, 9, produceRequest({ t: { 0: producedBatch(['not yet']) } }, acks));
    const read = await fetchOne(consumer, { t: [0] });
    expect(valuesIn(read.records)).toEqual(['durable']);
    expect(read.highWatermark).toBe(1n);
    consumer.send(fetch, 11, fetchRequest({ t: [0] }, { offset: 1n, maxWaitMs: 30_000 }));
    // A request after them on another connection is answered: what is missing is not just late.
    await (await connect()).ask(metadata, 4, { topics: [], ...noOperations });
    expect([producer.received, consumer.received]).toEqual([0, 0]);
    log.release();
    expect((await producer.answer(produce, 9)).responses[0]!.partitionResponses[0]!.baseOffset).toBe(1n);
    expect((await producer.answer(produce, 9)).responses[0]!.partitionResponses[0]!.baseOffset).toBe(2n);
    const { responses } = await consumer.answer(fetch, 11);
    expect(valuesIn(responses[0]!.partitions[0]!.records)[0]).toBe('not yet');
  });

  test('requests that are pipelined are answered in order; produce requests are committed side by side', async () => {
    await open();
    const client = await connect();
    log.hold();
    for (const value of ['a', 'b', 'c']) client.send(produce, 9, produceRequest({ t: { 0: producedBatch([value]) } }));
    client.send(fetch, 11, fetchRequest({ t: [0] }));
    client.send(metadata, 4, { topics: [{ name: 't', topicId: NO_UUID }], ...noOperations });
    log.release();
    for (const offset of [0n, 1n, 2n]) {
      expect((await client.answer(produce, 9)).responses[0]!.partitionResponses[0]!.baseOffset).toBe(offset);
    }
    // The fetch was begun when the appends before it were there.
    const { responses } = await client.answer(fetch, 11);
    expect(valuesIn(responses[0]!.partitions[0]!.records)).toEqual(['a', 'b', 'c']);
    expect((await client.answer(metadata, 4)).topics).toHaveLength(1);
    expect(log.commits.filter((ends) => ends.length > 0)).toHaveLength(3);
  });

  test('acks 0: appended, never answered; an error closes the connection', async () => {
    await open();
    const client = await connect();
    client.send(produce, 9, produceRequest({ t: { 0: producedBatch(['quiet']) } }, 0));
    const read = await fetchOne(client, { t: [0] });
    expect(valuesIn(read.records)).toEqual(['quiet']);
    client.send(produce, 9, produceRequest({ gone: { 0: producedBatch(['lost']) } }, 0));
    await client.closed();
    expect(client.received).toBe(0);
  });

  test('acks 0: what was sent before the client closed is appended', async () => {
    await open();
    const client = await connect();
    log.hold();
    for (let i = 0; i < 5; i++) client.send(produce, 9, produceRequest({ t: { 0: producedBatch([`${i}`]) } }, 0));
    client.socket.end();
    log.release();
    await client.closed();
    expect(log.topics.get('t')?.partitions[0]?.endOffset).toBe(5n);
  });

  test('a log that fails: storage error, nothing acknowledged', async () => {
    await open();
    const client = await connect();
    log.hold();
    client.send(produce, 9, produceRequest({ t: { 0: producedBatch(['v']) } }));
    await (await connect()).ask(metadata, 4, { topics: [], ...noOperations });
    log.failure = new TailraceError('log.failed', 'fsync failed');
    log.release();
    const { responses } = await client.answer(produce, 9);
    expect(responses[0]!.partitionResponses[0]).toMatchObject({
      errorCode: KafkaError.KAFKA_STORAGE_ERROR,
      baseOffset: -1n,
    });
  });

  test('invariant 3: an idempotent producer that repeats a batch has it once, over a restart of the listener', async () => {
    await open();
    let client = await connect();
    const { producerId, producerEpoch } = await client.ask(initProducerId, 4, {
      transactionalId: null,
      transactionTimeoutMs: 0,
    });
    const batch = (sequence: number, value: string) =>
      producedBatch([value], { producerId, epoch: producerEpoch, sequence });
    const send = async (sequence: number, value: string) => {
      const { errorCode, baseOffset } = await produceOne(client, { t: { 0: batch(sequence, value) } });
      return errorCode === 0 ? baseOffset : errorCode;
    };
    expect(await send(0, 'a')).toBe(0n);
    expect(await send(1, 'b')).toBe(1n);
    expect(await send(0, 'a')).toBe(0n);
    expect(await send(3, 'd')).toBe(KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER);
    // A repeat while the first is on its way to the disk.
    log.hold();
    client.send(produce, 9, produceRequest({ t: { 0: batch(2, 'c') } }));
    client.send(produce, 9, produceRequest({ t: { 0: batch(2, 'c') } }));
    log.release();
    for (let i = 0; i < 2; i++) {
      expect((await client.answer(produce, 9)).responses[0]!.partitionResponses[0]!.baseOffset).toBe(2n);
    }
    await listener.close();
    listener = await startListener(log);
    client = await connect();
    expect(await send(2, 'c')).toBe(2n);
    expect(await send(1, 'b')).toBe(1n);
    expect(await send(3, 'd')).toBe(3n);
    expect(valuesIn((await fetchOne(client, { t: [0] })).records)).toEqual(['a', 'b', 'c', 'd']);
    const other = await client.ask(initProducerId, 1, { transactionalId: null, transactionTimeoutMs: 0 });
    expect(other.producerId).toBeGreaterThan(producerId);
  });

  test('records below the start of the log', async () => {
    await open();
    const client = await connect();
    for (const value of ['a', 'b', 'c']) await produceOne(client, { t: { 0: producedBatch([value]) } });
    log.truncateBefore('t', 0, 2n);
    expect(await fetchOne(client, { t: [0] }, { offset: 1n })).toMatchObject({
      errorCode: KafkaError.OFFSET_OUT_OF_RANGE,
      logStartOffset: 2n,
    });
    expect(valuesIn((await fetchOne(client, { t: [0] }, { offset: 2n })).records)).toEqual(['c']);
  });
});
