/** @platformatic/kafka. See lines.ts for the arguments and the lines. */
import { readFileSync } from 'node:fs';
import { Consumer, MessagesStreamModes, Producer } from '@platformatic/kafka';
import { parsed, shown } from './lines.ts';

const [mode, address = '', ...rest] = process.argv.slice(2);
const bootstrapBrokers = [address];
type Bytes = Buffer | undefined;

if (mode === 'write') {
  const lines = readFileSync(0, 'utf8').trim().split('\n');
  const messages = lines.map((line) => line.split(' ').map(parsed));
  for (const [topic = '', compression = ''] of rest.map((word) => word.split(':'))) {
    const producer = new Producer<Buffer, Buffer, Buffer, Buffer>({
      clientId: 'p',
      bootstrapBrokers,
      idempotent: true,
    });
    await producer.send({
      compression: compression as 'none',
      messages: messages.map(([key, value, header]) => ({
        topic,
        ...(key === null ? {} : { key: key! }),
        ...(value === null ? {} : { value: value! }),
        ...(header === null ? {} : { headers: new Map([[Buffer.from('h'), header!]]) }),
      })),
    });
    await producer.close();
  }
} else {
  const [count, ...topics] = rest;
  const consumer = new Consumer<Bytes, Bytes, Buffer, Buffer>({
    clientId: 'c',
    groupId: `platformatic-${topics[0]}`,
    bootstrapBrokers,
  });
  const stream = await consumer.consume({
    topics,
    mode: MessagesStreamModes.EARLIEST,
    sessionTimeout: 10_000,
    autocommit: false,
  });
  let left = Number(count);
  for await (const { topic, key, value, headers, commit } of stream) {
    const header = [...headers.values()][0] ?? null;
    process.stdout.write(`${[topic, ...[key ?? null, value ?? null, header].map(shown)].join(' ')}\n`);
    if (--left > 0) continue;
    await commit();
    break;
  }
  await consumer.close(true);
}
