/** kafkajs, which has gzip and no other codec. See lines.ts for the arguments and the lines. */
import { readFileSync } from 'node:fs';
import { CompressionTypes, Kafka, logLevel } from 'kafkajs';
import { parsed, shown } from './lines.ts';

const [mode, address = '', ...rest] = process.argv.slice(2);
const kafka = new Kafka({ brokers: [address], logLevel: logLevel.NOTHING });

if (mode === 'write') {
  const lines = readFileSync(0, 'utf8').trim().split('\n');
  const messages = lines.map((line) => line.split(' ').map(parsed));
  for (const [topic = '', codec] of rest.map((word) => word.split(':'))) {
    const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    await producer.send({
      topic,
      compression: codec === 'gzip' ? CompressionTypes.GZIP : CompressionTypes.None,
      messages: messages.map(([key = null, value = null, header]) => ({
        key,
        value,
        ...(header === null ? {} : { headers: { h: header! } }),
      })),
    });
    await producer.disconnect();
  }
} else {
  const [count, ...topics] = rest;
  const consumer = kafka.consumer({ groupId: `kafkajs-${topics[0]}`, maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topics, fromBeginning: true });
  let left = Number(count);
  await new Promise<void>((resolve) => {
    void consumer.run({
      eachMessage: async ({ topic, message: { key, value, headers } }) => {
        const header = (headers?.h ?? null) as Buffer | null;
        process.stdout.write(`${[topic, ...[key, value, header].map(shown)].join(' ')}\n`);
        if (--left === 0) resolve();
      },
    });
  });
  await consumer.disconnect();
}
