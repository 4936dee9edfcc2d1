/** node send-jobs.ts FIRST LAST: sends jobs with these numbers; what it says was sent is on disk. */
import { Partitioners } from 'kafkajs';
import { kafka } from './client.ts';

const [first = 1, last = 10] = process.argv.slice(2).map(Number);
const messages = Array.from({ length: last - first + 1 }, (_, i) => ({
  key: `job-${first + i}`,
  value: `${first + i}`,
}));

const producer = kafka.producer({ idempotent: true, createPartitioner: Partitioners.DefaultPartitioner });
await producer.connect();
await producer.send({ topic: 'jobs', messages, acks: -1 });
await producer.disconnect();
console.log(`sent jobs ${first} to ${last}`);
