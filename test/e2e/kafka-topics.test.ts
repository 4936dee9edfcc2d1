/** Topics made, changed and deleted by an outside client, Tailrace as its own process, killed in between. */
import { ConfigResourceTypes, Kafka, logLevel } from 'kafkajs';
import { expect, onTestFinished, test } from 'vitest';
import { freePort } from '../../demo/servers/free-port.ts';
import { Project, until } from '../support/project.ts';

async function started(project: Project, kafka: Kafka) {
  const running = project.start();
  const isThere = async () => {
    const admin = kafka.admin({ retry: { retries: 0 } });
    return admin.connect().then(
      () => admin.disconnect().then(() => true),
      () => false,
    );
  };
  await until('the listener', isThere, running);
  return running;
}

test('topics that kafkajs makes, changes and deletes are so after a kill; one that is made again is empty', async () => {
  const port = await freePort();
  const project = await Project.alone(`kafka:\n  listen: 127.0.0.1:${port}\n`);
  const kafka = new Kafka({ clientId: 't', brokers: [`127.0.0.1:${port}`], logLevel: logLevel.NOTHING });
  let running = await started(project, kafka);
  const producer = kafka.producer();
  const admin = kafka.admin();
  await Promise.all([producer.connect(), admin.connect()]);
  onTestFinished(() => Promise.all([producer.disconnect(), admin.disconnect()]).then(() => {}));
  const configEntries = [{ name: 'retention.ms', value: '3600000' }];
  await admin.createTopics({
    topics: [
      { topic: 'kept', numPartitions: 2, configEntries },
      { topic: 'gone', numPartitions: 2 },
      { topic: 'again', numPartitions: 1, configEntries },
    ],
  });
  for (const topic of ['kept', 'gone', 'again']) await producer.send({ topic, messages: [{ key: 'k', value: 'old' }] });
  await admin.createPartitions({ topicPartitions: [{ topic: 'kept', count: 4 }] });
  const changed = [
    { name: 'cleanup.policy', value: 'compact' },
    { name: 'max.message.bytes', value: '5000' },
  ];
  await admin.alterConfigs({
    validateOnly: false,
    resources: [{ type: ConfigResourceTypes.TOPIC, name: 'kept', configEntries: changed }],
  });
  await admin.deleteTopics({ topics: ['gone', 'again'] });
  await admin.createTopics({ topics: [{ topic: 'again', numPartitions: 1 }] });
  await producer.send({ topic: 'again', messages: [{ value: 'new' }] });
  const message = { key: 'k', value: 'x'.repeat(6_000) };
  await expect(producer.send({ topic: 'kept', messages: [message] })).rejects.toMatchObject({
    type: 'MESSAGE_TOO_LARGE',
  });

  const configured = async (name: string) => {
    const { resources } = await admin.describeConfigs({
      resources: [{ type: ConfigResourceTypes.TOPIC, name }],
      includeSynonyms: false,
    });
    const set = resources[0]!.configEntries.filter((entry) => !entry.isDefault);
    return Object.fromEntries(set.map(({ configName, configValue }) => [configName, configValue]));
  };
  const check = async () => {
    expect((await admin.listTopics()).filter((topic) => !topic.startsWith('__')).sort()).toEqual(['again', 'kept']);
    expect(await configured('kept')).toEqual({ 'cleanup.policy': 'compact', 'max.message.bytes': '5000' });
    expect(await configured('again')).toEqual({});
    const { topics } = await admin.fetchTopicMetadata({ topics: ['kept'] });
    expect(topics[0]!.partitions).toHaveLength(4);
    expect(await admin.fetchTopicOffsets('again')).toMatchObject([{ low: '0', high: '1' }]);
  };
  await check();
  await running.kill();
  running = await started(project, kafka);
  await check();
  const consumer = kafka.consumer({ groupId: 'g' });
  await consumer.connect();
  onTestFinished(() => consumer.disconnect());
  await consumer.subscribe({ topics: ['again'], fromBeginning: true });
  const first = new Promise<string>((resolve) => {
    void consumer.run({ eachMessage: async ({ message: { value } }) => resolve(String(value)) });
  });
  expect(await first).toBe('new');
  await Promise.all([consumer.disconnect(), admin.disconnect(), producer.disconnect()]);
  expect((await running.stop()).code).toBe(0);
});
