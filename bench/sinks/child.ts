/** One sink in a process of its own: delivers all that the log holds, then reports. */
import { connectors } from '../../connectors/index.ts';
import { createEnvelope } from '../../src/envelope/index.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { openLog } from '../../src/log/embedded-log.ts';
import { SinkTask } from '../../src/pipeline/sink-task.ts';
import { createRules } from '../../src/rules/index.ts';
import { SOURCE, TABLE } from './backlog.ts';
import type { SinkResult, SinkRun } from './run-sink.ts';

const { dataDir, type, config, name, batch } = JSON.parse(process.argv[2]!) as SinkRun;
const log = await openLog({ dir: dataDir, clock: systemClock, random: Math.random, log: () => {} });
const envelope = createEnvelope({ productVersion: 'bench' });
const manifest = (await connectors[type]!()).sink!;
// What `open` would load while the clock runs.
await import(`../../connectors/${type}/sink.ts`);
const plan = {
  name,
  manifest,
  config: manifest.config.parse(config),
  from: null,
  transform: [],
  batch: { maxRecords: batch?.records ?? 10_000, maxBytes: batch?.bytes ?? 8 << 20 },
  maxDeadLettersPerMinute: 0,
  path: [],
};
const options = {
  plan,
  pipeline: SOURCE,
  steps: [],
  sources: [SOURCE],
  topics: [envelope.topicOf(SOURCE, TABLE.schema, TABLE.table)],
  log,
  envelope,
  rules: createRules(),
  rulesContext: { maskKey: null },
  context: { log: console.error, clock: systemClock, failpoint: () => {}, random: Math.random },
  maxBytes: 8 << 20,
};
const task = new SinkTask(options);
const abort = new AbortController();
const cpu = process.cpuUsage();
const start = performance.now();
const done = task.run(abort.signal);
const timer = setInterval(async () => {
  const { lagRecords, problem, state } = task.status();
  const failed = problem !== null && state !== 'retrying';
  if (lagRecords > 0 && !failed) return;
  clearInterval(timer);
  const { user, system } = process.cpuUsage(cpu);
  const result: SinkResult = {
    seconds: (performance.now() - start) / 1_000,
    cpuSeconds: (user + system) / 1e6,
    peakRssMb: process.resourceUsage().maxRSS / 1_024,
  };
  abort.abort();
  await done;
  await log.close();
  if (failed) throw new Error(`sink ${type} stopped: ${problem?.message}`);
  process.send?.(result);
  process.disconnect?.();
}, 2);
