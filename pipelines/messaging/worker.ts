/**
 * node worker.ts NAME [JOBS]: does jobs and acknowledges each when it is done. With a number it stops in the middle of that
 * job, so that the job is not acknowledged.
 */
import { kafka } from './client.ts';

const [name = 'worker', limit] = process.argv.slice(2);
const consumer = kafka.consumer({
  groupId: 'workers',
  sessionTimeout: 10_000,
  heartbeatInterval: 500,
  maxWaitTimeInMs: 200,
});
let started = 0;

async function work(job: string): Promise<'done' | 'interrupted'> {
  started++;
  console.log(`${name} takes job ${job}`);
  if (started === Number(limit)) return 'interrupted';
  // Here the work of the job would be done.
  await new Promise((resolve) => setTimeout(resolve, 20));
  return 'done';
}

async function stop(): Promise<void> {
  await consumer.disconnect();
  console.log(`${name} goes home`);
  process.exit(0);
}

consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
  console.log(`${name} is ready for ${payload.memberAssignment.jobs?.length ?? 0} partitions`);
});
await consumer.connect();
await consumer.subscribe({ topics: ['jobs'], fromBeginning: true });
await consumer.run({
  autoCommit: false,
  eachMessage: async ({ topic, partition, message }) => {
    if (Number(limit) > 0 && started >= Number(limit)) return;
    if ((await work(String(message.value))) === 'interrupted') return void stop();
    // The acknowledgement: the next worker of this partition goes on behind this job.
    await consumer.commitOffsets([{ topic, partition, offset: String(BigInt(message.offset) + 1n) }]);
    console.log(`${name} did job ${message.value}`);
  },
});
process.once('SIGTERM', stop).once('SIGINT', stop);
