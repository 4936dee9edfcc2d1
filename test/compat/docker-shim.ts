/**
 * Stands for `docker` where the suite of kafkajs asks for two things: the id of the broker's container, and, inside of it,
 * Kafka's own tool to add partitions to a topic.
 *
 *     docker ps …
 *     docker exec <id> bash -c "kafka-topics … --alter --topic T --partitions N"
 */
import { Kafka, logLevel } from 'kafkajs';

const words = process.argv.slice(2);
const [, topic, count] = /--alter --topic (\S+) --partitions (\d+)/.exec(words.at(-1) ?? '') ?? [];
if (words[0] === 'ps') {
  console.log('broker');
} else if (topic === undefined) {
  console.error(`docker: not known here: ${words.join(' ')}`);
  process.exitCode = 1;
} else {
  const admin = new Kafka({ brokers: ['localhost:9092'], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.createPartitions({ topicPartitions: [{ topic, count: Number(count) }] });
  await admin.disconnect();
}
