/** A capture in a process of its own: started by a bench, run by its child. */
import { fork } from 'node:child_process';
import { join } from 'node:path';
import type { SourceStatus } from '../src/contracts/control.ts';
import type { PipelinePlan, SourcePlan } from '../src/contracts/plan.ts';
import type { Position } from '../src/contracts/source.ts';
import { createEnvelope } from '../src/envelope/index.ts';
import { systemClock } from '../src/lib/clock.ts';
import { openLog } from '../src/log/embedded-log.ts';
import { sourceCheckpoint } from '../src/pipeline/checkpoint-names.ts';
import { Instance } from '../src/pipeline/instance.ts';
import { createRules } from '../src/rules/index.ts';
import { built } from './build.ts';

export interface CaptureResult {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakRssMb: number;
  readonly rows: number;
}

export interface Capture {
  readonly dataDir: string;
  readonly source: Pick<SourcePlan, 'manifest' | 'config' | 'tables'>;
  /** Null: its tables are read first. */
  readonly position: Position | null;
  /** The backlog is captured. */
  readonly isDone: (status: SourceStatus) => boolean;
}

/** @param program of the child, such as `bench/capture-child.ts` */
export function startCapture(program: string, task: object): Promise<CaptureResult> {
  return new Promise((resolve, reject) => {
    const child = fork(built(program), [JSON.stringify(task)]);
    let result: CaptureResult | null = null;
    child.once('message', (message) => {
      result = message as CaptureResult;
    });
    // Its data directory is removed afterwards: it must have closed it.
    child.once('exit', (code) => {
      if (code === 0 && result !== null) resolve(result);
      else reject(new Error(`capture process ended with ${code}`));
    });
  });
}

/** In the child: captures into a log on disk, reports, and ends the process. What is timed begins with the source's modules loaded. */
export async function capture({ dataDir, source, position, isDone }: Capture): Promise<void> {
  const log = await openLog({ dir: dataDir, clock: systemClock, random: Math.random, log: () => {} });
  if (position !== null) {
    const name = sourceCheckpoint('bench');
    const seed = log.begin(name, await log.fence(name));
    seed.checkpoint(name, JSON.stringify({ v: 1, position, version: '0' }));
    await seed.commit();
  }
  const snapshot = position === null ? 'initial' : 'never';
  const plan: SourcePlan = { name: 'bench', ...source, snapshot, onGap: 'stop', transform: [], path: ['source'] };
  const pipeline: PipelinePlan = { name: 'bench', file: 'bench', transform: [], sinks: [], sources: [plan] };
  const cpu = process.cpuUsage();
  const start = performance.now();
  const instance = await Instance.start({
    instance: { instance: 'bench', dataDir, http: null, kafka: null, memoryBytes: 512 << 20, maskKey: null },
    pipelines: [pipeline],
    log,
    envelope: createEnvelope({ productVersion: 'bench' }),
    rules: createRules(),
    context: {
      log: console.error,
      clock: systemClock,
      failpoint: () => {},
      random: Math.random,
      scratch: join(dataDir, 'scratch'),
    },
  });
  const timer = setInterval(() => {
    const status = instance.status().pipelines[0]!.sources[0]!;
    const stuck = status.problem !== null && status.state !== 'retrying';
    if (!stuck && !isDone(status)) return;
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
}
