/**
 * node mailer.ts: sends a mail for each order that was created, once: a message that comes again, because the program ended
 * before it had acknowledged it, has the same id.
 */
import { kafka } from './kafka-client.ts';

const consumer = kafka.consumer({ groupId: 'mailer', maxWaitTimeInMs: 200 });
/** A program that must remember this longer than it runs writes it into its own database, with what it does. */
const done = new Set<string>();

await consumer.connect();
await consumer.subscribe({ topics: ['shop.events.order'], fromBeginning: true });
console.log('the mailer is ready');
await consumer.run({
  eachMessage: async ({ message: { key, value, headers } }) => {
    const id = String(headers?.id);
    if (done.has(id)) return;
    done.add(id);
    const order = JSON.parse(String(value)) as { readonly customer: string; readonly total: string };
    console.log(`to ${order.customer}: order ${key} over ${order.total} was ${headers?.event}`);
  },
});
process.once('SIGTERM', () => void consumer.disconnect().then(() => process.exit(0)));
