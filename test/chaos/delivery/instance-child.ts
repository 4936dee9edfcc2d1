/**
 * Tailrace without its command line, so that its files can be watched and its order of steps spoilt on purpose:
 * `node instance-child.ts <JSON of ChildOptions>`. Prints a line of JSON (`ChildReport`) every so often.
 */

import { connectors } from '../../../connectors/index.ts';
import type { PipelinePlan, SinkPlan } from '../../../src/contracts/plan.ts';
import type { SinkManifest, SourceManifest } from '../../../src/contracts/plugin.ts';
import type { Sink } from '../../../src/contracts/sink.ts';
import { createEnvelope } from '../../../src/envelope/index.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { openLog } from '../../../src/log/embedded-log.ts';
import { Instance } from '../../../src/pipeline/instance.ts';
import { createRules } from '../../../src/rules/index.ts';
import { UndoFiles } from './undo-journal.ts';

/**
 * What is spoilt: `no-fsync` (the disk is never told to sync), `early-acknowledge` (the source, before the commit),
 * `offset-before-flush` (the sink's offset is committed first, and the target keeps none).
 */
export type Mutation = 'no-fsync' | 'early-acknowledge' | 'offset-before-flush';

export interface ChildOptions {
  readonly dir: string;
  readonly journal: string;
  readonly sourceUrl: string;
  readonly tables: readonly string[];
  readonly sinks: readonly {
    readonly name: string;
    readonly type: string;
    readonly config: object;
    readonly consistency: 'eventual' | 'transactional';
  }[];
  readonly mutation: Mutation | null;
}

export interface ChildReport {
  readonly source: string;
  readonly sinks: readonly { readonly name: string; readonly state: string; readonly lag: number }[];
  readonly problem: string | null;
}

const REPORT_MS = 50;
const FLUSH_LATE_MS = 100;
const options = JSON.parse(process.argv[2]!) as ChildOptions;
const { mutation } = options;

/** The same reader, which acknowledges whatever it hands out. */
function early(manifest: SourceManifest): SourceManifest {
  return {
    ...manifest,
    async open(open) {
      const reader = await manifest.open(open);
      const run = reader.run.bind(reader);
      reader.run = (from, output, signal) => {
        const end = output.end.bind(output);
        output.end = (position) => {
          end(position);
          reader.acknowledge(position);
        };
        return run(from, output, signal);
      };
      return reader;
    },
  };
}

/** The same sink, without positions in the target, whose flush comes after the commit of the offsets. */
function late(manifest: SinkManifest): SinkManifest {
  return {
    ...manifest,
    async open(open) {
      const { sink } = await manifest.open(open);
      let isWritten = false;
      let flushing: Promise<void> = Promise.resolve();
      const lazy: Sink = {
        async write(batch, signal) {
          await flushing;
          isWritten = true;
          return sink.write(batch, signal);
        },
        // Says so at once; what was written is flushed some time later.
        async flush(signal) {
          if (!isWritten) return;
          isWritten = false;
          flushing = clock.sleep(FLUSH_LATE_MS).then(() => sink.flush(signal));
          flushing.catch(() => {});
        },
        close: () => sink.close(),
      };
      return { sink: lazy, resume: null };
    },
  };
}

async function plan(): Promise<PipelinePlan> {
  const { source } = await connectors.postgres!();
  const manifest = mutation === 'early-acknowledge' ? early(source!) : source!;
  const sinks: SinkPlan[] = [];
  for (const { name, type, config, consistency } of options.sinks) {
    const { sink } = await connectors[type]!();
    sinks.push({
      name,
      manifest: mutation === 'offset-before-flush' ? late(sink!) : sink!,
      config: sink!.config.parse(config),
      from: null,
      transform: [],
      batch: { maxRecords: 200, maxBytes: 1 << 20 },
      maxDeadLettersPerMinute: 100,
      consistency,
      path: [],
    });
  }
  const from = { name: 'bank', manifest, config: source!.config.parse({ url: options.sourceUrl }) };
  const settings = { tables: options.tables, snapshot: 'initial', onGap: 'stop', transform: [], path: [] } as const;
  return { name: 'bank', file: '', sources: [{ ...from, ...settings }], transform: [], sinks };
}

const clock = systemClock;
const silent = () => {};
const files = new UndoFiles(options.journal, mutation === 'no-fsync');
const log = await openLog({ dir: options.dir, clock, random: Math.random, log: silent, files });
const instance = await Instance.start({
  instance: { instance: 'chaos', dataDir: options.dir, http: null, kafka: null, memoryBytes: 128 << 20, maskKey: null },
  pipelines: [await plan()],
  log,
  envelope: createEnvelope({ productVersion: '0.0.0' }),
  rules: createRules(),
  context: { log: silent, clock, failpoint: silent, random: Math.random },
});
const report = () => {
  const [pipeline] = instance.status().pipelines;
  const sinks = pipeline!.sinks.map(({ name, state, lagRecords }) => ({ name, state, lag: lagRecords }));
  const resting = [...pipeline!.sources, ...pipeline!.sinks].find(({ state }) =>
    ['gap', 'failed', 'paused'].includes(state),
  );
  const problem =
    resting === undefined ? null : `${resting.name}: ${resting.problem?.code} ${resting.problem?.message}`;
  const line: ChildReport = { source: pipeline!.sources[0]!.state, sinks, problem };
  process.stdout.write(`${JSON.stringify(line)}\n`);
};
setInterval(report, REPORT_MS);
