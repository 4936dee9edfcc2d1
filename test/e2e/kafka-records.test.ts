/** Reading from a time and deleting records with an outside client, Tailrace as its own process, killed in between. */
import { Kafka, logLevel } from 'kafkajs';
import { expect, onTestFinished, test } from 'vitest';
import { freePort } from '../../demo/servers/free-port.ts';
import { Project, until } from '../support/project.ts';

const TOPIC = 'events';
const START = Date.now() - 3_600_000;

async function started(project: Project, kafka: Kafka) {
  const running = project.start();
  await until(
    'the listener',
    async () => {
      const admin = kafka.admin({ retry: { retries: 0 } });
      return admin.connect().then(
        () => admin.disconnect().then(() => true),
        () => false,
      );
    },
    running,
  );
  return running;
}

test('kafkajs finds offsets by time and deletes records; both hold after a kill', async () => {
  const port = await freePort();
  const project = await Project.alone(`kafka:\n  listen: 127.0.0.1:${port}\n`);
  const kafka = new Kafka({ clientId: 't', brokers: [`127.0.0.1:${port}`], logLevel: logLevel.NOTHING });
  let running = await started(project, kafka);
  const producer = kafka.producer();
  await producer.connect();
  for (let i = 0; i < 20; i++) {
    const messages = [0, 1, 2].map((n) => ({ value: `${i}.${n}`, timestamp: String(START + i * 1_000 + n) }));
    await producer.send({ topic: TOPIC, messages });
  }
  await producer.disconnect();
  const admin = kafka.admin();
  await admin.connect();
  onTestFinished(() => admin.disconnect());
  const since = async (timestamp: number) => (await admin.fetchTopicOffsetsByTimestamp(TOPIC, timestamp))[0]!.offset;
  const bounds = async () => {
    const [only] = await admin.fetchTopicOffsets(TOPIC);
    return [only?.low, only?.high];
  };

  expect(await since(START)).toBe('0');
  expect(await since(START + 5_001)).toBe('16');
  expect(await since(START + 5_003)).toBe('18');
  expect(await since(START + 60_000)).toBe('60');
  await admin.deleteTopicRecords({ topic: TOPIC, partitions: [{ partition: 0, offset: '17' }] });
  expect(await bounds()).toEqual(['17', '60']);

  await running.kill();
  running = await started(project, kafka);
  expect(await bounds()).toEqual(['17', '60']);
  expect(await since(START)).toBe('17');
  expect(await since(START + 6_000)).toBe('18');
  const consumer = kafka.consumer({ groupId: 'g' });
  await consumer.connect();
  onTestFinished(() => consumer.disconnect());
  await consumer.subscribe({ topics: [TOPIC], fromBeginning: true });
  const first = new Promise<string>((resolve) => {
    void consumer.run({ eachMessage: async ({ message }) => resolve(`${message.offset}: ${message.value}`) });
  });
  expect(await first).toBe('17: 5.2');
  await consumer.disconnect();
  await admin.deleteTopicRecords({ topic: TOPIC, partitions: [{ partition: 0, offset: '-1' }] });
  expect(await bounds()).toEqual(['60', '60']);
  await admin.disconnect();
  expect((await running.stop()).code).toBe(0);
});
