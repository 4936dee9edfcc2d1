/** One capture in a process of its own: reads the given slot to the end into a log on disk, then reports. */

import { source } from '../connectors/postgres/index.ts';
import type { PipelinePlan } from '../src/contracts/plan.ts';
import { createEnvelope } from '../src/envelope/index.ts';
import { systemClock } from '../src/lib/clock.ts';
import { openLog } from '../src/log/embedded-log.ts';
import { sourceCheckpoint } from '../src/pipeline/checkpoint-names.ts';
import { Instance } from '../src/pipeline/instance.ts';
import { createRules } from '../src/rules/index.ts';
import type { CaptureResult, CaptureTask } from './capture.ts';
import { startPosition } from './start-position.ts';

const task = JSON.parse(process.argv[2]!) as CaptureTask;

function lsnNumber(text: string): number {
  const [high, low] = text.split('/');
  return Number.parseInt(high!, 16) * 2 ** 32 + Number.parseInt(low!, 16);
}

const log = await openLog({ dir: task.dataDir, clock: systemClock, random: Math.random, log: () => {} });
const name = sourceCheckpoint('bench');
const seed = log.begin(name, await log.fence(name));
seed.checkpoint(name, JSON.stringify({ v: 1, position: await startPosition(task), version: '0' }));
await seed.commit();

const pipeline: PipelinePlan = {
  name: 'bench',
  file: 'bench',
  transform: [],
  sinks: [],
  sources: [
    {
      name: 'bench',
      manifest: source,
      config: source.config.parse({ url: task.url, slot: task.slot, publication: task.publication }),
      tables: [task.table],
      snapshot: 'never',
      onGap: 'stop',
      transform: [],
      path: ['source'],
    },
  ],
};
// Loaded when first used; what is timed begins with them loaded.
await Promise.all([import('../connectors/postgres/reader.ts'), import('../connectors/postgres/source-check.ts')]);
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
const end = lsnNumber(task.endLsn);
const timer = setInterval(async () => {
  const status = instance.status().pipelines[0]!.sources[0]!;
  const lsn = (status.position as { lsn?: string } | null)?.lsn;
  const stuck = status.problem !== null && status.state !== 'retrying';
  if (!stuck && (lsn === undefined || lsnNumber(lsn) < end)) return;
  clearInterval(timer);
  const { user, system } = process.cpuUsage(cpu);
  const result: CaptureResult = {
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
