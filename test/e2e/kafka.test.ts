/** The log as Kafka clients see it, with Tailrace as its own process. */
import { Kafka, logLevel } from 'kafkajs';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { freePort } from '../../demo/servers/free-port.ts';
import { startPostgres } from '../../demo/servers/postgres.ts';
import { Project, untilStatus } from '../support/project.ts';

const YAML = `name: shop
source:
  type: postgres
  url: \${SOURCE_URL}
  tables: [public.items]
sink:
  type: file
  path: out.jsonl
`;

test('changes are read by kafkajs, own topics are written and read, table topics are not for writing', async () => {
  const server = await startPostgres();
  onTestFinished(() => server.stop());
  const client = new pg.Client(server.url);
  await client.connect();
  onTestFinished(() => client.end());
  await client.query(
    `create table items (id bigint primary key, v text); insert into items values (9007199254740993, 'a')`,
  );
  const port = await freePort();
  const settings = `kafka:\n  listen: 127.0.0.1:${port}\n`;
  const project = await Project.make(YAML, { SOURCE_URL: server.url }, settings);
  const running = project.start();
  await untilStatus('the snapshot', running, (source) => source.rows >= 3);

  const kafka = new Kafka({ clientId: 't', brokers: [`127.0.0.1:${port}`], logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: 'outside' });
  await consumer.connect();
  onTestFinished(() => consumer.disconnect());
  await consumer.subscribe({ topics: ['shop.public.items'], fromBeginning: true });
  const values: string[] = [];
  let wake: () => void = () => {};
  await consumer.run({
    eachMessage: async ({ message }) => {
      values.push(String(message.value));
      wake();
    },
  });
  await client.query(`update items set v = 'b'`);
  while (!values.some((value) => value.includes('"op":"u"'))) {
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
  expect(values.find((value) => value.includes('"op":"r"'))).toContain('"after":{"id":9007199254740993,"v":"a"}');
  expect(values.find((value) => value.includes('"op":"u"'))).toContain('"v":"b"');

  const producer = kafka.producer({ retry: { retries: 0 } });
  await producer.connect();
  onTestFinished(() => producer.disconnect());
  await expect(producer.send({ topic: 'shop.public.items', messages: [{ value: 'forged' }] })).rejects.toThrow();
  const [sent] = await producer.send({ topic: 'mine', messages: [{ key: 'k', value: 'v' }] });
  expect(sent).toMatchObject({ topicName: 'mine', errorCode: 0, baseOffset: '0' });
  await consumer.disconnect();
  expect((await running.stop()).code).toBe(0);
});
