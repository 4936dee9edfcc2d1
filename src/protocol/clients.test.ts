/** Unmodified Kafka clients against the listener: what they send comes back byte for byte, and their groups work. */

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CompressionTypes, Kafka, logLevel, type SASLOptions } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TestBroker } from '../../test/support/kafka-broker.ts';
import { digest, type Message, randomMessages } from '../../test/support/kafka-messages.ts';
import { testSeed } from '../../test/support/seed.ts';
import { CODEC_BITS, readBatchHeader } from '../wire/batch-header.ts';

const seed = testSeed;
console.log(`clients: seed ${seed} (TAILRACE_SEED)`);

const until = async (done: () => boolean | Promise<boolean>) => {
  while (!(await done())) await new Promise((resolve) => setTimeout(resolve, 10));
};

describe('kafkajs', () => {
  let broker: TestBroker;
  let kafka: Kafka;
  beforeAll(async () => {
    broker = await TestBroker.start();
    kafka = new Kafka({ brokers: [broker.address], logLevel: logLevel.NOTHING, retry: { retries: 2 } });
  });
  afterAll(() => broker.close());

  test('admin: topics, offsets, cluster', async () => {
    const admin = kafka.admin();
    await admin.connect();
    expect(await admin.createTopics({ topics: [{ topic: 'made', numPartitions: 3 }] })).toBe(true);
    expect(await admin.createTopics({ topics: [{ topic: 'made' }] })).toBe(false);
    const three = admin.createTopics({ topics: [{ topic: 'three', replicationFactor: 3 }] });
    await expect(three).rejects.toMatchObject({
      errors: [expect.objectContaining({ type: 'INVALID_REPLICATION_FACTOR' })],
    });
    expect(await admin.listTopics()).toContain('made');
    expect(await admin.fetchTopicOffsets('made')).toHaveLength(3);
    const { brokers, controller } = await admin.describeCluster();
    expect({ brokers, controller }).toEqual({
      brokers: [{ nodeId: 1, host: '127.0.0.1', port: broker.port }],
      controller: 1,
    });
    await admin.disconnect();
  });

  test('a group of two reads everything once, byte for byte, and goes on where it stopped', async () => {
    const sent = randomMessages(2_000, seed);
    const producer = kafka.producer();
    await producer.connect();
    const admin = kafka.admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: 'bytes', numPartitions: 4 }] });
    const send = (list: readonly Message[], compression: CompressionTypes) =>
      producer.send({
        topic: 'bytes',
        compression,
        messages: list.map(({ key, value, header }) => ({ key, value, headers: { h: header } })),
      });
    const seen: Message[] = [];
    const readers = new Set<number>();
    const start = async (reader: number) => {
      const consumer = kafka.consumer({
        groupId: 'pair',
        sessionTimeout: 10_000,
        heartbeatInterval: 200,
        maxWaitTimeInMs: 200,
      });
      await consumer.connect();
      await consumer.subscribe({ topic: 'bytes', fromBeginning: true });
      await consumer.run({
        eachMessage: async ({ message }) => {
          readers.add(reader);
          seen.push({ key: message.key!, value: message.value!, header: message.headers?.h as Buffer });
        },
      });
      return consumer;
    };
    const consumers = [await start(1), await start(2)];
    const described = async () => (await admin.describeGroups(['pair'])).groups[0]!;
    await until(async () => (await described()).state === 'Stable' && (await described()).members.length === 2);
    expect((await described()).protocol).toBe('RoundRobinAssigner');
    await send(sent.slice(0, 600), CompressionTypes.None);
    await send(sent.slice(600, 1_200), CompressionTypes.GZIP);
    await until(() => seen.length >= 1_200);
    await Promise.all(consumers.map((consumer) => consumer.disconnect()));
    await send(sent.slice(1_200), CompressionTypes.None);
    const last = await start(3);
    await until(() => seen.length >= 2_000);
    await last.disconnect();
    expect(digest(seen)).toBe(digest(sent));
    expect(readers.size).toBe(3);
    const [offsets] = await admin.fetchOffsets({ groupId: 'pair', topics: ['bytes'] });
    expect(offsets!.partitions.reduce((sum, { offset }) => sum + Number(offset), 0)).toBe(2_000);
    await admin.setOffsets({ groupId: 'pair', topic: 'bytes', partitions: [{ partition: 0, offset: '3' }] });
    expect(await admin.deleteGroups(['pair'])).toMatchObject([{ groupId: 'pair', errorCode: 0 }]);
    await Promise.all([producer.disconnect(), admin.disconnect()]);
  });

  test('transactions: records and offsets together, aborted ones never seen', async () => {
    const producer = kafka.producer({ transactionalId: 'tx', idempotent: true, maxInFlightRequests: 1 });
    const admin = kafka.admin();
    await Promise.all([producer.connect(), admin.connect()]);
    await admin.createTopics({ topics: [{ topic: 'transacted', numPartitions: 1 }] });
    for (let i = 0; i < 4; i++) {
      const transaction = await producer.transaction();
      await transaction.send({ topic: 'transacted', messages: [{ value: `${i} a` }, { value: `${i} b` }] });
      const topics = [{ topic: 'transacted', partitions: [{ partition: 0, offset: String(i) }] }];
      await transaction.sendOffsets({ consumerGroupId: 'moved', topics });
      await (i % 2 === 0 ? transaction.commit() : transaction.abort());
    }
    const [{ offset } = { offset: '' }] = (await admin.fetchOffsets({ groupId: 'moved', topics: ['transacted'] }))[0]!
      .partitions;
    expect(offset).toBe('2');
    const batches = await broker.log.read('transacted', 0, 0n, 1 << 20);
    const values = batches.flatMap((batch) => [...batch.records()].map(({ value }) => String(value)));
    expect(values).toEqual(['0 a', '0 b', '2 a', '2 b']);
    await Promise.all([producer.disconnect(), admin.disconnect()]);
  });

  test('users: the password is proved, and a wrong one is not', async () => {
    const users = [{ name: 'app', password: 'secret' }];
    const secured = await TestBroker.start({ security: { users } });
    for (const mechanism of ['plain', 'scram-sha-256', 'scram-sha-512'] as const) {
      const connect = async (password: string) => {
        const sasl = { mechanism, username: 'app', password } as SASLOptions;
        const options = { brokers: [secured.address], logLevel: logLevel.NOTHING, retry: { retries: 0 } };
        const admin = new Kafka({ ...options, sasl }).admin();
        await admin.connect();
        await admin.disconnect();
      };
      await connect('secret');
      await expect(connect('wrong')).rejects.toThrow('authentication failed');
    }
    await secured.close();
  });
});

/** What readers inside the process see of a topic of two partitions, and the codecs of its batches. */
async function inProcess({ log }: TestBroker, topic: string) {
  const batches = (await Promise.all([0, 1].map((partition) => log.read(topic, partition, 0n, 8 << 20)))).flat();
  const messages = batches.flatMap((batch) =>
    [...batch.records()].map(({ key, value, headers }) => {
      return { key: Buffer.from(key!), value: Buffer.from(value!), header: Buffer.from(headers[0]!.value!) };
    }),
  );
  const codecs = new Set(batches.map(({ bytes }) => readBatchHeader(bytes, 0).attributes & CODEC_BITS));
  return { codecs: [...codecs].sort(), digest: digest(messages) };
}

test('@platformatic/kafka: an idempotent producer, every codec, and a consumer that names topics by id', async () => {
  const broker = await TestBroker.start();
  const client = fileURLToPath(new URL('../../test/support/platformatic-client.ts', import.meta.url));
  const words = [client, broker.address, 'codecs', String(seed)];
  const { stdout } = await promisify(execFile)(process.execPath, words, { timeout: 50_000 });
  const { partitions, digest: seen, expected, state } = JSON.parse(stdout);
  expect({ partitions, state }).toEqual({ partitions: 2, state: 'Stable' });
  expect(seen).toBe(expected);
  expect(broker.log.checkpoints.list('group/codecs-readers/codecs/')).toHaveLength(1);
  expect(broker.log.checkpoints.list('kafka/producer/codecs/').length).toBeGreaterThan(0);
  expect(await inProcess(broker, 'codecs')).toEqual({ codecs: [0, 1, 2, 3, 4], digest: expected });
  await broker.close();
});
