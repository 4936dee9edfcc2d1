/**
 * A Kafka listener over a log, in a process of its own that can be killed.
 *
 *     TAILRACE_FAILPOINT=kafka.before-ack:5 node kafka-broker-child.ts <data directory>
 *
 * Prints its port on a line when it serves. Creates the topic `t`.
 */
import { systemClock } from '../../src/lib/clock.ts';
import { failpointFrom } from '../../src/lib/failpoint.ts';
import { openLog } from '../../src/log/embedded-log.ts';
import { startKafkaListener } from '../../src/protocol/index.ts';

const [dir = ''] = process.argv.slice(2);
const log = await openLog({ dir, clock: systemClock, random: Math.random, log: () => {} });
await log.topics.ensure('t', { partitions: 1, cleanup: 'delete' });
const listener = await startKafkaListener({
  log,
  clock: systemClock,
  logger: () => {},
  listen: { host: '127.0.0.1', port: 0 },
  topics: { autoCreate: true, defaultPartitions: 1, mayProduce: () => true },
  failpoint: failpointFrom(process.env.TAILRACE_FAILPOINT),
});
console.log(listener.port);
