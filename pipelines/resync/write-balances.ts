/** node write-balances.ts ROUNDS: every account gets a new balance in each round; in the last one an account is closed. */
import { Partitioners } from 'kafkajs';
import { kafka } from './client.ts';

const rounds = Number(process.argv[2] ?? 10);
const ACCOUNTS = 50;

const producer = kafka.producer({ idempotent: true, createPartitioner: Partitioners.DefaultPartitioner });
await producer.connect();
for (let round = 1; round <= rounds; round++) {
  const messages = Array.from({ length: ACCOUNTS }, (_, account) => ({
    key: `account-${account}`,
    // No value: the account is gone.
    value: round === rounds && account === 0 ? null : JSON.stringify({ balance: round * 1_000 + account }),
  }));
  await producer.send({ topic: 'balances', messages, acks: -1 });
}
await producer.disconnect();
console.log(`wrote ${rounds * ACCOUNTS} changes of ${ACCOUNTS} accounts`);
