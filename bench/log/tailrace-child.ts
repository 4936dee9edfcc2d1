/**
 * The listener over an embedded log in a process of its own: `node tailrace-child.ts <data directory>`. Prints its port. Ends
 * with its standard input, so that it does not outlive who started it.
 */
import { systemClock } from '../../src/lib/clock.ts';
import { openLog } from '../../src/log/embedded-log.ts';
import { startKafkaListener } from '../../src/protocol/index.ts';

const [dir = ''] = process.argv.slice(2);
const log = await openLog({ dir, clock: systemClock, random: Math.random, log: console.error });
const listener = await startKafkaListener({
  log,
  clock: systemClock,
  logger: console.error,
  listen: { host: '127.0.0.1', port: 0 },
  topics: { autoCreate: true, defaultPartitions: 1, mayProduce: () => true },
});
process.stdout.write(`${listener.port}\n`);
process.on('SIGTERM', async () => {
  await listener.close();
  await log.close();
  process.exit(0);
});
process.stdin.resume().on('end', () => process.exit(1));
