/** A compacted topic as an outside client reads it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CompressionTypes, Kafka, logLevel } from 'kafkajs';
import { expect, onTestFinished, test } from 'vitest';
import { startListener } from '../../../test/support/kafka-broker.ts';
import { systemClock } from '../../lib/clock.ts';
import { type EmbeddedLog, openLog } from '../embedded-log.ts';

const START = Date.now() - 3_600_000;

/** Added to the time of the log. */
const later = { ms: 0 };

async function served(): Promise<{ log: EmbeddedLog; kafka: Kafka }> {
  const dir = mkdtempSync(join(tmpdir(), 'tailrace-compacted-'));
  const log = await openLog({
    dir,
    clock: { ...systemClock, now: () => Date.now() + later.ms },
    random: Math.random,
    log: () => {},
    cleanEveryMs: null,
    ballastBytes: 0,
    segmentBytes: 4_000,
    topicConfig: () => ({ 'cleanup.policy': 'compact', 'delete.retention.ms': '1' }),
  });
  const listener = await startListener(log, { admin: log.admin });
  onTestFinished(async () => {
    await listener.close();
    await log.close();
    rmSync(dir, { recursive: true, force: true });
  });
  const kafka = new Kafka({ brokers: [`127.0.0.1:${listener.port}`], logLevel: logLevel.NOTHING });
  return { log, kafka };
}

test('kafkajs reads the last value of each key from the beginning, from the middle and by time', async () => {
  const { log, kafka } = await served();
  await log.topics.ensure('t', { partitions: 1, cleanup: 'compact' });
  const producer = kafka.producer();
  await producer.connect();
  for (let i = 0; i < 100; i++) {
    // The keys of the first half are all deleted: its segments end up empty.
    const key = i < 50 ? `early${i % 10}` : `k${i % 7}`;
    const value = i < 50 && i >= 40 ? null : `v${i}`;
    const compression = i % 2 === 0 ? CompressionTypes.GZIP : CompressionTypes.None;
    const messages = [{ key, value, timestamp: String(START + i * 1_000), headers: { n: String(i) } }];
    await producer.send({ topic: 't', compression, messages });
  }
  for (let round = 0; round < 3; round++) {
    await log.clean({ compact: 't' });
    await producer.send({ topic: 't', messages: [{ key: 'last', value: String(round) }] });
    later.ms += 10;
  }
  await producer.disconnect();
  await log.clean({ compact: 't' });
  expect(log.topics.get('t')!.partitions[0]).toMatchObject({ compactedTo: 103n, deletesRemovedTo: 50n });

  const consumer = kafka.consumer({ groupId: 'g' });
  await consumer.connect();
  onTestFinished(() => consumer.disconnect());
  await consumer.subscribe({ topics: ['t'], fromBeginning: true });
  const found: string[] = [];
  let ended = Promise.withResolvers<void>();
  await consumer.run({
    eachMessage: async ({ message }) => {
      found.push(`${message.offset} ${message.key}=${message.value} ${message.headers?.n ?? ''}`);
      if (message.offset === '102') ended.resolve();
    },
  });
  await ended.promise;
  const expected = Array.from({ length: 7 }, (_, i) => 93 + i).map((n) => `${n} k${n % 7}=v${n} ${n}`);
  expect(found).toEqual([...expected, '102 last=2 ']);
  found.length = 0;
  ended = Promise.withResolvers();
  consumer.seek({ topic: 't', partition: 0, offset: '96' });
  await ended.promise;
  expect(found).toEqual([...expected.slice(3), '102 last=2 ']);

  const admin = kafka.admin();
  await admin.connect();
  onTestFinished(() => admin.disconnect());
  const since = async (time: number) => (await admin.fetchTopicOffsetsByTimestamp('t', time))[0]!.offset;
  expect(await since(START)).toBe('93');
  expect(await since(START + 94_000)).toBe('94');
  expect(await since(START + 99_001)).toBe('102');
});
