import { setTimeout as sleep } from 'node:timers/promises';
import type { InstanceStatus, SinkStatus, SourceStatus } from '../../contracts/control.ts';
import type { SnapshotStatus } from '../../contracts/upstream.ts';
import type { RunningCommand } from '../command.ts';
import { count, duration, table } from '../format.ts';
import { INSTANCE_OPTIONS, lookAt } from '../instance.ts';
import { numberOption } from '../places.ts';
import { styleOf } from '../style.ts';

export const top: RunningCommand = {
  kind: 'running',
  name: 'top',
  summary: 'watch rates, lag and errors, live',
  arguments: '',
  details: `Of each source and sink, and of each table that is read: state, records a second, what is behind, and how long that takes at
the present rate. Until stopped; in a file, or with --once, one look. With --json one object a look.`,
  options: {
    every: { type: 'string', value: 'SECONDS', summary: 'between two looks (2)' },
    once: { type: 'boolean', summary: 'look once: what happened within one interval' },
    ...INSTANCE_OPTIONS,
  },
  maxWords: 0,
  async run(context) {
    const { io, options } = context;
    const every = (numberOption(context, 'every') ?? 2) * 1_000;
    const ended = new AbortController();
    const release = io.onSignal(() => ended.abort());
    io.onOutputClosed(() => ended.abort());
    const look = () => lookAt<InstanceStatus>(context, '/status', (offline, instance) => offline.status(instance));
    try {
      let before = { at: performance.now(), status: await look() };
      do {
        await sleep(every, undefined, { signal: ended.signal }).catch(() => {});
        if (ended.signal.aborted) break;
        const now = { at: performance.now(), status: await look() };
        const rows = rowsOf(before.status, now.status, (now.at - before.at) / 1_000);
        const screen = io.stdout.isTty && options.once !== true ? '\u001b[H\u001b[2J' : '';
        const head = styleOf(io.stdout, io.env).paint('bold', `${now.status.instance}\n`);
        io.stdout.write(options.json === true ? `${JSON.stringify(rows)}\n` : `${screen}${head}${textOf(rows)}`);
        await io.stdout.drained();
        before = now;
      } while (options.once !== true && io.stdout.isTty);
      return 0;
    } finally {
      release();
    }
  },
};

interface Row {
  /** `table`: one that is read, or waits for it. */
  readonly kind: 'source' | 'table' | 'sink';
  readonly name: string;
  readonly state: string;
  /** Null: not known, because it was not there before. */
  readonly perSecond: number | null;
  readonly lagRecords: number | null;
  readonly lagMs: number | null;
  /** Until nothing is behind any more; null when that is not nearing. */
  readonly etaSeconds: number | null;
  readonly deadLetters: number | null;
  readonly problem: string | null;
}

function rowsOf(before: InstanceStatus, now: InstanceStatus, seconds: number): Row[] {
  return now.pipelines.flatMap((pipeline) => {
    const old = before.pipelines.find(({ name }) => name === pipeline.name);
    return [
      ...pipeline.sources.flatMap((source) => [
        sourceRow(
          source,
          old?.sources.find(({ name }) => name === source.name),
          seconds,
        ),
        ...(source.upstream?.snapshots ?? []).map((snapshot) => tableRow(source.name, snapshot)),
      ]),
      ...pipeline.sinks.map((sink) =>
        sinkRow(
          pipeline.name,
          sink,
          old?.sinks.find(({ name }) => name === sink.name),
          seconds,
        ),
      ),
    ];
  });
}

function sourceRow(source: SourceStatus, old: SourceStatus | undefined, seconds: number): Row {
  const { name, state, rows, problem, upstream } = source;
  const etas = upstream?.snapshots.flatMap(({ etaSeconds }) => etaSeconds ?? []) ?? [];
  return {
    kind: 'source',
    name,
    state,
    perSecond: rate(rows, old?.rows, seconds),
    lagRecords: null,
    lagMs: null,
    etaSeconds: etas.length === 0 ? null : Math.max(...etas),
    deadLetters: null,
    problem: problem?.code ?? null,
  };
}

function tableRow(source: string, snapshot: SnapshotStatus): Row {
  const { table, state, percent, rows, estimatedRows, rowsPerSecond, etaSeconds } = snapshot;
  return {
    kind: 'table',
    name: `${source} ${table}`,
    state: percent === null ? state : `${state} ${percent}%`,
    perSecond: rowsPerSecond,
    lagRecords: estimatedRows === null ? null : Math.max(0, estimatedRows - rows),
    lagMs: null,
    etaSeconds,
    deadLetters: null,
    problem: null,
  };
}

function sinkRow(pipeline: string, sink: SinkStatus, old: SinkStatus | undefined, seconds: number): Row {
  const { state, records, lagRecords, lagMs, deadLetters, problem } = sink;
  const drained = old === undefined ? 0 : (old.lagRecords - lagRecords) / seconds;
  return {
    kind: 'sink',
    name: `${pipeline}/${sink.name}`,
    state,
    perSecond: rate(records, old?.records, seconds),
    lagRecords,
    lagMs,
    etaSeconds: lagRecords > 0 && drained > 0 ? lagRecords / drained : null,
    deadLetters,
    problem: problem?.code ?? null,
  };
}

/** What was counted anew since a restart is not a rate. */
function rate(now: number, before: number | undefined, seconds: number): number | null {
  return before === undefined || now < before ? null : (now - before) / seconds;
}

function textOf(rows: readonly Row[]): string {
  const cells = rows.map(({ kind, name, state, perSecond, lagRecords, lagMs, etaSeconds, deadLetters, problem }) => [
    kind,
    name,
    state,
    perSecond === null ? '' : count(Math.round(perSecond)),
    lagRecords === null ? '' : count(lagRecords),
    lagMs === null || lagMs === 0 ? '' : duration(lagMs),
    etaSeconds === null ? '' : duration(etaSeconds * 1_000),
    deadLetters === null || deadLetters === 0 ? '' : count(deadLetters),
    problem ?? '',
  ]);
  return table([['', 'name', 'state', 'records/s', 'behind', 'by', 'ETA', 'dead letters', 'problem'], ...cells]);
}
