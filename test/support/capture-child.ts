/**
 * A process that captures tables into a log, and may die at a failpoint or at any time: `node capture-child.ts '{"dir":…}'`.
 * Says each time that something has become durable.
 */
import { sourceConfig } from '../../connectors/postgres/config.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { failpointFrom } from '../../src/lib/failpoint.ts';
import { Capture } from './captured-tables.ts';

export interface CaptureJob {
  readonly dir: string;
  readonly name: string;
  readonly tables: readonly string[];
  readonly config: Readonly<Record<string, unknown>>;
}

const { dir, name, tables, config } = JSON.parse(process.argv[2]!) as CaptureJob;
const dies = failpointFrom(process.env.TAILRACE_FAILPOINT);
const failpoint = (point: string) => {
  dies(point);
  if (point === 'source.after-commit') process.stdout.write('durable\n');
};
const context = { log: () => {}, clock: systemClock, failpoint, random: Math.random, scratch: `${dir}/scratch` };
const base = { name, instance: 'test', tables, snapshot: 'initial' as const, context };
const capture = await Capture.start(dir, { ...base, config: sourceConfig.parse(config) });
const error = await capture.ended;
process.stderr.write(`${String(error)}\n`);
process.exitCode = 1;
