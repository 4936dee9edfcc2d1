/** node replica.ts [follow]: builds the present state from the topic alone; with `follow` it then goes on with every change. */
import { createHash } from 'node:crypto';
import { kafka } from './client.ts';

const topic = 'balances';
const follows = process.argv[2] === 'follow';
const state = new Map<string, string>();
let read = 0;

/** Two replicas with the same state have the same sum. */
function report(words: string): void {
  const sorted = [...state].sort(([a], [b]) => (a < b ? -1 : 1));
  const sum = createHash('sha256').update(JSON.stringify(sorted)).digest('hex').slice(0, 12);
  console.log(`${words}: ${state.size} accounts, sum ${sum}`);
}

const admin = kafka.admin();
await admin.connect();
const [{ high } = { high: '0' }] = await admin.fetchTopicOffsets(topic);
await admin.disconnect();

const consumer = kafka.consumer({ groupId: `replica-${process.pid}`, maxWaitTimeInMs: 200 });
const inSync = Promise.withResolvers<void>();
await consumer.connect();
await consumer.subscribe({ topics: [topic], fromBeginning: true });
await consumer.run({
  autoCommit: false,
  eachBatch: async ({ batch }) => {
    for (const { key, value } of batch.messages) {
      if (value === null) state.delete(String(key));
      else state.set(String(key), String(value));
      read++;
    }
    // By offset: of a compacted topic the last records may be gone, the end stays.
    if (BigInt(batch.lastOffset()) + 1n < BigInt(high)) return;
    inSync.resolve();
    if (follows) report('followed');
  },
});
await inSync.promise;
report(follows ? 'in sync' : `in sync after ${read} records`);
if (!follows) await consumer.disconnect();
