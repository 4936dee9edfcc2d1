/**
 * node read-on.ts COUNT: reads the next readings and keeps its place in position.txt, not in the log. Delete or edit the
 * file to read from elsewhere: reading takes nothing away.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { kafka } from './client.ts';

const FILE = 'position.txt';
const topic = 'readings';
const count = Number(process.argv[2] ?? 5);
let position = existsSync(FILE) ? BigInt(readFileSync(FILE, 'utf8').trim()) : 0n;
const end = position + BigInt(count);

const consumer = kafka.consumer({ groupId: `read-on-${process.pid}`, maxWaitTimeInMs: 200 });
const done = Promise.withResolvers<void>();
await consumer.connect();
await consumer.subscribe({ topics: [topic] });
await consumer.run({
  autoCommit: false,
  eachMessage: async ({ message }) => {
    if (BigInt(message.offset) !== position || position === end) return;
    console.log(`${message.offset}  ${message.value}`);
    position++;
    if (position === end) done.resolve();
  },
});
consumer.seek({ topic, partition: 0, offset: String(position) });
await done.promise;
writeFileSync(FILE, `${position}\n`);
await consumer.disconnect();
