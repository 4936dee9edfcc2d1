/** `fork`ed with a directory: a listener over a log there, which tells its port and, when asked, the processor time it has used. */

import { systemClock } from '../../../src/lib/clock.ts';
import { startKafkaListener } from '../../../src/protocol/index.ts';
import { openAt } from './goal.ts';

const [dir = ''] = process.argv.slice(2);
const log = await openAt(dir);
const { port } = await startKafkaListener({
  log,
  admin: log.admin,
  clock: systemClock,
  logger: () => {},
  listen: { host: '127.0.0.1', port: 0 },
  topics: { autoCreate: false, defaultPartitions: 1, mayProduce: () => true },
});
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send!({ cpuSeconds: (user + system) / 1e6 });
});
process.on('disconnect', () => process.exit());
process.send!({ port });
