/** node report.ts: reads what its group has not read yet, and commits how far it came. */
import { kafka } from './client.ts';

const topic = 'readings';
const admin = kafka.admin();
await admin.connect();
const [{ high } = { high: '0' }] = await admin.fetchTopicOffsets(topic);
await admin.disconnect();

const consumer = kafka.consumer({ groupId: 'report', maxWaitTimeInMs: 200 });
const done = Promise.withResolvers<void>();
const hours: number[] = [];
await consumer.connect();
await consumer.subscribe({ topics: [topic], fromBeginning: true });
await consumer.run({
  eachMessage: async ({ message }) => {
    hours.push(JSON.parse(String(message.value)).hour);
    if (BigInt(message.offset) + 1n === BigInt(high)) done.resolve();
  },
});
await done.promise;
// Commits what was read.
await consumer.stop();
await consumer.disconnect();
console.log(`report over ${hours.length} readings, hours ${hours[0]} to ${hours.at(-1)}`);
