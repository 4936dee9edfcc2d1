/** node write-readings.ts: a reading for each of the last 24 hours, taken in its middle. */
import { Partitioners } from 'kafkajs';
import { kafka } from './client.ts';

const HOUR_MS = 3_600_000;
const start = Date.now() - 24 * HOUR_MS;

const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
await producer.connect();
const messages = Array.from({ length: 24 }, (_, hour) => ({
  key: `sensor-${hour % 3}`,
  value: JSON.stringify({ hour, celsius: 10 + hour }),
  timestamp: String(start + (hour + 0.5) * HOUR_MS),
}));
await producer.send({ topic: 'readings', messages, acks: -1 });
await producer.disconnect();
console.log(`wrote ${messages.length} readings`);
