/**
 * Creates a topic, produces 200 messages with each codec from an idempotent producer, reads them back as a group, and
 * prints what came back. A process of its own: the client makes code from strings, which the suite forbids.
 *
 *     node platformatic-client.ts <host:port> <topic> <seed>
 */
import { Admin, Consumer, MessagesStreamModes, Producer } from '@platformatic/kafka';
import { digest, type Message, randomMessages } from './kafka-messages.ts';

const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
const PER_CODEC = 200;

const [address = '', topic = '', seed = '1'] = process.argv.slice(2);
const bootstrapBrokers = [address];
const admin = new Admin({ clientId: 'admin', bootstrapBrokers });
const [created] = await admin.createTopics({ topics: [topic], partitions: 2, replicas: 1 });

const sent = randomMessages(CODECS.length * PER_CODEC, Number(seed));
const producer = new Producer<Buffer, Buffer, Buffer, Buffer>({ clientId: 'p', bootstrapBrokers, idempotent: true });
for (const [i, compression] of CODECS.entries()) {
  const messages = sent.slice(i * PER_CODEC, (i + 1) * PER_CODEC).map(({ key, value, header }) => {
    return { topic, key, value, headers: new Map([[Buffer.from('h'), header]]) };
  });
  await producer.send({ messages, compression });
}

const consumer = new Consumer<Buffer, Buffer, Buffer, Buffer>({
  clientId: 'c',
  groupId: `${topic}-readers`,
  bootstrapBrokers,
});
const stream = await consumer.consume({
  topics: [topic],
  mode: MessagesStreamModes.EARLIEST,
  autocommit: false,
  sessionTimeout: 10_000,
  heartbeatInterval: 500,
});
const seen: Message[] = [];
for await (const message of stream) {
  const [header] = [...message.headers.values()];
  seen.push({ key: message.key, value: message.value, header: header! });
  if (seen.length < sent.length) continue;
  await message.commit();
  break;
}
const state = (await admin.listGroups()).get(`${topic}-readers`)?.state;
await consumer.close(true);
await Promise.all([producer.close(), admin.close()]);
console.log(JSON.stringify({ partitions: created?.partitions, digest: digest(seen), expected: digest(sent), state }));
