/** One capture in a process of its own: reads the binary log, or the table, to the end into a log on disk, then reports. */
import { source } from '../connectors/mysql/index.ts';
import type { PipelinePlan } from '../src/contracts/plan.ts';
import { createEnvelope } from '../src/envelope/index.ts';
import { systemClock } from '../src/lib/clock.ts';
import { openLog } from '../src/log/embedded-log.ts';
import { sourceCheckpoint } from '../src/pipeline/checkpoint-names.ts';
import { Instance } from '../src/pipeline/instance.ts';
import { createRules } from '../src/rules/index.ts';
import type { MysqlCaptureResult, MysqlCaptureTask } from './capture-mysql.ts';

const task = JSON.parse(process.argv[2]!) as MysqlCaptureTask;
const log = await openLog({ dir: task.dataDir, clock: systemClock, random: Math.random, log: () => {} });
if (task.position !== null) {
  const name = sourceCheckpoint('bench');
  const seed = log.begin(name, await log.fence(name));
  seed.checkpoint(name, JSON.stringify({ v: 1, position: task.position, version: '0' }));
  await seed.commit();
}
const pipeline: PipelinePlan = {
  name: 'bench',
  file: 'bench',
  transform: [],
  sinks: [],
  sources: [
    {
      name: 'bench',
      manifest: source,
      config: source.config.parse({ url: task.url }),
      tables: [task.table],
      snapshot: task.position === null ? 'initial' : 'never',
      onGap: 'stop',
      transform: [],
      path: ['source'],
    },
  ],
};
// Loaded when first used; what is timed begins with them loaded.
await Promise.all([import('../connectors/mysql/reader.ts'), import('../connectors/mysql/source-check.ts')]);
const context = { log: console.error, clock: systemClock, failpoint: () => {}, random: Math.random };
const cpu = process.cpuUsage();
const start = performance.now();
const instance = await Instance.start({
  instance: {
    instance: 'bench',
    dataDir: task.dataDir,
    http: null,
    kafka: null,
    memoryBytes: 512 << 20,
    maskKey: null,
  },
  pipelines: [pipeline],
  log,
  envelope: createEnvelope({ productVersion: 'bench' }),
  rules: createRules(),
  context,
});
const timer = setInterval(async () => {
  const status = instance.status().pipelines[0]!.sources[0]!;
  const stuck = status.problem !== null && status.state !== 'retrying';
  if (!stuck && status.rows < task.rows) return;
  clearInterval(timer);
  const { user, system } = process.cpuUsage(cpu);
  const result: MysqlCaptureResult = {
    seconds: (performance.now() - start) / 1000,
    cpuSeconds: (user + system) / 1e6,
    peakRssMb: process.resourceUsage().maxRSS / 1024,
    rows: status.rows,
  };
  process.send!(result, async () => {
    await instance.stop();
    await log.close();
    process.exit(stuck ? 1 : 0);
  });
}, 2);
