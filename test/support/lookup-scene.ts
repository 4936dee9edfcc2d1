/**
 * An instance over a real log whose pipeline has a stage: a scripted source of two tables, and a target that keeps the last
 * value of every row by table, with a guard of versions and sweeps.
 *
 *     orders(id, customer, note)     customers(id, name, tier)
 */
import { z } from 'zod';
import type { PipelinePlan, SinkPlan } from '../../src/contracts/plan.ts';
import type { ConnectorContext, SinkManifest, SourceManifest } from '../../src/contracts/plugin.ts';
import { NOT_SENT, type RowOp } from '../../src/contracts/row.ts';
import type { StepSource } from '../../src/contracts/rules.ts';
import type { Column, TableDescription } from '../../src/contracts/schema.ts';
import type { SinkRecord } from '../../src/contracts/sink.ts';
import type { SourceOutput } from '../../src/contracts/source.ts';
import { createEnvelope } from '../../src/envelope/index.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { type EmbeddedLog, openLog } from '../../src/log/embedded-log.ts';
import { Instance } from '../../src/pipeline/instance.ts';
import { SinkControl } from '../../src/pipeline/sink-control.ts';
import { createRules } from '../../src/rules/index.ts';

export type Cell = number | string | null | undefined;

export type ScriptedChange =
  | { readonly op: RowOp; readonly table: string; readonly row: readonly Cell[]; readonly before?: readonly Cell[] }
  | { readonly op: 'truncate' | 'snapshot-begin' | 'snapshot-end'; readonly table: string };

export interface ScriptedCommit {
  readonly changes: readonly ScriptedChange[];
  /** µs since 1970. Absent: rises with each. */
  readonly timeUs?: number;
}

const id: Column = { name: 'id', kind: 'int32', native: 'integer', nullable: false, keyOrdinal: 1 };
const text = (name: string): Column => ({ name, kind: 'text', native: 'text', nullable: true });

export const TABLES: Readonly<Record<string, readonly Column[]>> = {
  orders: [id, { name: 'customer', kind: 'int32', native: 'integer', nullable: true }, text('note')],
  customers: [id, text('name'), text('tier')],
};

/** Survives crashes of the process under test. */
export class Script {
  readonly commits: ScriptedCommit[] = [];
  tables: Record<string, readonly Column[]> = { ...TABLES };
  #wake: (() => void)[] = [];

  add(...changes: readonly (readonly ScriptedChange[])[]): void {
    this.commits.push(...changes.map((one) => ({ changes: one })));
    for (const wake of this.#wake.splice(0)) wake();
  }

  /** Commits with times of their own, µs since 1970. */
  addAt(...commits: readonly ScriptedCommit[]): void {
    this.commits.push(...commits);
    for (const wake of this.#wake.splice(0)) wake();
  }

  more(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#wake.push(resolve);
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  describe(source: string): TableDescription[] {
    return Object.entries(this.tables).map(([table, columns]) => ({ source, schema: 'public', table, columns }));
  }
}

export function scriptedTables(script: Script): SourceManifest {
  return {
    type: 'scripted',
    summary: 'replays a script',
    config: z.unknown(),
    emits: ['insert', 'update', 'delete', 'truncate'],
    check: async () => [],
    describe: async ({ name }) => script.describe(name),
    teardown: async () => {},
    open: async ({ name }) => ({
      async run(from, output, signal) {
        for (let next = from === null ? 0 : (from.index as number); !signal.aborted; ) {
          const commit = script.commits[next];
          if (commit === undefined) await script.more(signal);
          else write(script, output, name, commit, next++);
          await output.drain();
        }
      },
      acknowledge() {},
      close: async () => {},
    }),
  };
}

function write(script: Script, output: SourceOutput, name: string, { changes, timeUs }: ScriptedCommit, n: number) {
  const time = timeUs ?? 1_700_000_000_000_000 + n * 1_000;
  output.begin({ id: String(n), kind: 'stream', timeUs: time, position: String(n) });
  for (const change of changes) {
    const described = script.describe(name).find(({ table }) => table === change.table)!;
    const table = output.register(described);
    if (!('row' in change)) {
      output.marker(change.op === 'truncate' ? { op: 'truncate', table } : { op: change.op, table, snapshot: 's' });
      continue;
    }
    const writer = output.writer(table);
    writer.begin(change.op);
    const sides = change.op === 'd' ? [['before', change.row] as const] : [['after', change.row] as const];
    if (change.before !== undefined && change.op === 'u') sides.unshift(['before', change.before] as never);
    for (const [side, row] of sides) {
      writer.side(side);
      for (const [i] of described.columns.entries()) {
        const cell = row[i];
        const bytes = Buffer.from(String(cell));
        if (cell === undefined) writer.unchanged(i);
        else if (cell === null) writer.null(i);
        else writer.text(i, bytes, 0, bytes.length);
      }
    }
    writer.end();
  }
  output.end({ v: 1, index: n + 1 });
}

type KeptRow = Readonly<Record<string, unknown>>;

/** Last values by table and key; survives crashes, holds only what was flushed. */
export class KeptTables {
  readonly applied: SinkRecord[] = [];

  /** Rows of a table by id, columns by name; Invariant 7: by version, with the floors that truncates and sweeps raise. */
  rows(table: string): Map<number, KeptRow> {
    const rows = new Map<string, { version: bigint; row: KeptRow | null }>();
    let floor = 0n;
    const removeBelow = (version: bigint) => {
      floor = version > floor ? version : floor;
      for (const [key, seen] of rows) if (seen.version < floor) rows.delete(key);
    };
    for (const { change } of this.applied) {
      if (change.table.table !== table) continue;
      const { op, version, key } = change;
      if (op === 'truncate') removeBelow(version);
      else if (op === 'snapshot-end') removeBelow(change.sweepBelow ?? 0n);
      if (op === 'truncate' || op === 'snapshot-end' || op === 'snapshot-begin') continue;
      const seen = rows.get(key);
      if (version < floor || (seen !== undefined && seen.version > version)) continue;
      const row = change.after === null ? null : { ...seen?.row };
      change.after?.columns.forEach(({ name }, i) => {
        const value = change.after!.get(i);
        if (value !== NOT_SENT) (row as Record<string, unknown>)[name] = value;
      });
      rows.set(key, { version, row });
    }
    return new Map([...rows.values()].flatMap(({ row }) => (row === null ? [] : [[Number(row.id), row] as const])));
  }
}

function keptSink(target: KeptTables): SinkManifest {
  return {
    type: 'scripted',
    summary: 'keeps what was flushed',
    config: z.unknown(),
    accepts: ['insert', 'update', 'delete', 'snapshot', 'truncate', 'snapshot-begin', 'snapshot-end'],
    keeps: 'last-value',
    check: async () => [],
    open: async () => {
      const pending: SinkRecord[] = [];
      return {
        resume: null,
        sink: {
          async write({ records }) {
            pending.push(...records);
            return [];
          },
          async flush() {
            target.applied.push(...pending.splice(0));
          },
          async close() {},
        },
      };
    },
  };
}

export interface LookupScene {
  readonly log: EmbeddedLog;
  readonly instance: Instance;
  readonly control: SinkControl;
  readonly plan: PipelinePlan;
  stop(): Promise<void>;
}

export interface LookupSceneOptions {
  readonly transform: readonly StepSource[];
  readonly sink?: Partial<SinkPlan>;
  readonly failpoint?: (name: string) => void;
  readonly log?: ConnectorContext['log'];
}

/** Steps as they stand under the pipeline. */
export const stepsOf = (...steps: readonly Readonly<Record<string, unknown>>[]): StepSource[] =>
  steps.map((step, i) => ({ verb: Object.keys(step)[0]!, config: Object.values(step)[0], path: ['transform', i] }));

export function lookupPlan(script: Script, target: KeptTables, options: LookupSceneOptions): PipelinePlan {
  const { transform, sink = {} } = options;
  const rules = createRules();
  const shared = { config: {}, transform: [] };
  const source = { ...shared, name: 'src', manifest: scriptedTables(script), path: ['source'] };
  return {
    name: 'p',
    file: 'p.yaml',
    transform,
    staged: transform.findLastIndex((step) => rules.stateful!(step) !== null) + 1,
    sources: [{ ...source, tables: ['public.orders', 'public.customers'], snapshot: 'initial', onGap: 'stop' }],
    sinks: [
      {
        ...{ ...shared, name: 'out', manifest: keptSink(target), from: null, path: ['sink'] },
        ...{ batch: { maxRecords: 7, maxBytes: 1 << 20 }, maxDeadLettersPerMinute: 100, ...sink },
      },
    ],
  };
}

/** Retries come at once. */
const eagerClock = { ...systemClock, sleep: () => new Promise<void>((resolve) => setImmediate(resolve)) };

export async function startLookup(
  dir: string,
  script: Script,
  target: KeptTables,
  options: LookupSceneOptions,
): Promise<LookupScene> {
  const { failpoint = () => {}, log: logger = () => {} } = options;
  const context: ConnectorContext = { log: logger, clock: eagerClock, failpoint, random: () => 0.5 };
  const log = await openLog({ dir, clock: systemClock, random: Math.random, log: () => {} });
  const plan = lookupPlan(script, target, options);
  const envelope = createEnvelope({ productVersion: '0' });
  const rules = createRules();
  const named = { instance: 'main', dataDir: dir, http: null, kafka: null, memoryBytes: 64 << 20, maskKey: null };
  const instance = await Instance.start({ instance: named, pipelines: [plan], log, envelope, rules, context });
  const control = new SinkControl({ log, envelope, context, running: instance });
  const stop = async () => {
    await instance.stop();
    await log.close();
  };
  return { log, instance, control, plan, stop };
}

/** Everything that the script holds has come to the target. Throws when something has stopped on its way there. */
export function hasArrived({ instance }: Pick<LookupScene, 'instance'>, script: Script): boolean {
  const { sources, stage, sinks } = instance.status().pipelines[0]!;
  const stopped = [...sources, ...(stage === undefined ? [] : [stage]), ...sinks].find(
    ({ state }) => state === 'failed',
  );
  if (stopped !== undefined) throw new Error(stopped.problem?.message);
  const isRead = (sources[0]!.position as { index?: number } | null)?.index === script.commits.length;
  const isStageDone = stage === undefined || (stage.state === 'running' && stage.lagRecords === 0);
  return isRead && isStageDone && sinks[0]!.lagRecords === 0;
}
