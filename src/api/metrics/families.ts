/** What `/metrics` tells, from the status of the instance. Labels are names of the configuration, never row values (Invariant 12). */
import type { InstanceStatus, SinkStatus, SourceStatus, StageStatus, TaskState } from '../../contracts/control.ts';
import type { Distribution, Measures, RowCounts, SinkMeasures, SourceMeasures } from '../../contracts/measures.ts';
import type { GroupSummary } from '../../contracts/operations.ts';
import type { Family, Sample } from './exposition.ts';

type Type = Family['type'];
type Labels = Sample['labels'];
type Labelled<T> = readonly (readonly [labels: Labels, subject: T])[];

export interface Measured {
  readonly status: InstanceStatus;
  readonly measures: Measures;
  readonly groups: readonly GroupSummary[];
  /** When the oldest record was written that a group has not read, ms since 1970. */
  readonly groupTimes: ReadonlyMap<string, number>;
  readonly version: string;
  /** ms since 1970. */
  readonly now: number;
}

export function families({ status, measures, groups, groupTimes, version, now }: Measured): Family[] {
  const { pipelines } = status;
  const sources = pipelines.flatMap(({ name: pipeline, sources }) =>
    sources.map((source) => [{ pipeline, source: source.name }, source] as const),
  );
  const sinks = pipelines.flatMap(({ name: pipeline, sinks }) =>
    sinks.map((sink) => [{ pipeline, sink: sink.name }, sink] as const),
  );
  const stages = pipelines.flatMap(({ name: pipeline, stage }) =>
    stage === undefined ? [] : [[{ pipeline }, stage] as const],
  );
  return [
    one('tailrace_info', 'gauge', 'What runs; always 1.', [[{ instance: status.instance, version }, 1]]),
    health(sources, stages, sinks),
    ...sourceFamilies(sources, now),
    ...snapshotFamilies(sources),
    ...stageFamilies(stages),
    ...sinkFamilies(sinks, now),
    ...sourceMeasures(measures.sources),
    ...sinkMeasures(measures.sinks, now),
    ...groupFamilies(groups, groupTimes, now),
  ];
}

function one(name: string, type: Type, help: string, values: readonly (readonly [Labels, number | null])[]): Family {
  const samples = values.flatMap(([labels, value]) => (value === null ? [] : [{ labels, value }]));
  return { name, type, help, samples };
}

function each<T>(
  name: string,
  type: Type,
  help: string,
  of: Labelled<T>,
  value: (subject: T) => number | null,
): Family {
  return one(
    name,
    type,
    help,
    of.map(([labels, subject]) => [labels, value(subject)]),
  );
}

const HEALTH = ['ok', 'waiting', 'retrying', 'paused', 'broken'] as const;

const HEALTH_OF: Readonly<Record<TaskState, (typeof HEALTH)[number]>> = {
  starting: 'waiting',
  snapshot: 'ok',
  streaming: 'ok',
  running: 'ok',
  retrying: 'retrying',
  paused: 'paused',
  stopped: 'paused',
  failed: 'broken',
  gap: 'broken',
};

/** A state set: of each source, stage and sink one of the states is 1. */
function health(sources: Labelled<SourceStatus>, stages: Labelled<StageStatus>, sinks: Labelled<SinkStatus>): Family {
  const all = [
    ...sources.map(([{ pipeline }, { name, state }]) => ({ kind: 'source', name: `${pipeline}/${name}`, state })),
    ...stages.map(([{ pipeline }, { state }]) => ({ kind: 'stage', name: `${pipeline}`, state })),
    ...sinks.map(([{ pipeline }, { name, state }]) => ({ kind: 'sink', name: `${pipeline}/${name}`, state })),
  ];
  const samples = all.flatMap(({ kind, name, state }) =>
    HEALTH.map((status) => [{ kind, name, status }, HEALTH_OF[state] === status ? 1 : 0] as const),
  );
  return one('tailrace_health', 'gauge', 'Health of each source, stage and sink: the status that holds is 1.', samples);
}

function sourceFamilies(sources: Labelled<SourceStatus>, now: number): Family[] {
  const isConnected = ({ state }: SourceStatus) => (state === 'streaming' || state === 'snapshot' ? 1 : 0);
  const age = ({ lastCommitMs }: SourceStatus) =>
    lastCommitMs === null ? null : Math.max(0, (now - lastCommitMs) / 1_000);
  const kept = (value: 'retainedBytes' | 'safeBytes' | 'secondsUntilLost') => (source: SourceStatus) =>
    source.upstream?.retention?.[value] ?? null;
  return [
    each('tailrace_source_connected', 'gauge', '1 while the source reads.', sources, isConnected),
    each('tailrace_source_last_event_age_seconds', 'gauge', 'Since the last durable commit.', sources, age),
    each('tailrace_source_records_total', 'counter', 'Records written to the log.', sources, ({ rows }) => rows),
    each('tailrace_source_transactions_total', 'counter', 'Transactions made durable.', sources, (s) => s.transactions),
    each(
      'tailrace_source_retained_bytes',
      'gauge',
      'History the server keeps for the source.',
      sources,
      kept('retainedBytes'),
    ),
    each('tailrace_source_safe_bytes', 'gauge', 'What may be written before it is lost.', sources, kept('safeBytes')),
    each(
      'tailrace_source_seconds_to_loss',
      'gauge',
      'The same at the present rate.',
      sources,
      kept('secondsUntilLost'),
    ),
    each(
      'tailrace_source_warnings',
      'gauge',
      'What will become a failure if nobody acts.',
      sources,
      (source) => source.upstream?.warnings.length ?? null,
    ),
  ];
}

function snapshotFamilies(sources: Labelled<SourceStatus>): Family[] {
  const tables = sources.flatMap(([labels, { upstream }]) =>
    (upstream?.snapshots ?? []).map((snapshot) => [{ ...labels, table: snapshot.table }, snapshot] as const),
  );
  const remaining = (source: SourceStatus) => source.upstream?.snapshots.length ?? null;
  const states = tables.flatMap(([labels, { state: found }]) =>
    (['waiting', 'reading', 'paused'] as const).map(
      (state) => [{ ...labels, state }, found === state ? 1 : 0] as const,
    ),
  );
  return [
    each('tailrace_snapshot_tables_remaining', 'gauge', 'Tables that are read or wait for it.', sources, remaining),
    each('tailrace_snapshot_rows_total', 'counter', 'Rows of the table read so far.', tables, ({ rows }) => rows),
    each(
      'tailrace_snapshot_rows_estimated',
      'gauge',
      'Rows that the server thinks there are.',
      tables,
      (s) => s.estimatedRows,
    ),
    each('tailrace_snapshot_eta_seconds', 'gauge', 'Until the table is read.', tables, ({ etaSeconds }) => etaSeconds),
    one('tailrace_snapshot_state', 'gauge', 'State of each table: the one that holds is 1.', states),
  ];
}

function stageFamilies(stages: Labelled<StageStatus>): Family[] {
  return [
    each('tailrace_stage_records_total', 'counter', 'Records read.', stages, ({ records }) => records),
    each('tailrace_stage_changes_total', 'counter', 'Changes written for the sinks.', stages, ({ sent }) => sent),
    each('tailrace_stage_repeats_total', 'counter', 'Rows left out as repeats.', stages, ({ repeats }) => repeats),
    each('tailrace_stage_errors_total', 'counter', 'Failures.', stages, ({ errors }) => errors),
    each('tailrace_stage_retries_total', 'counter', 'Of them, tried again.', stages, ({ retries }) => retries),
    each('tailrace_stage_lag_records', 'gauge', 'Records of its sources not read.', stages, (s) => s.lagRecords),
    each('tailrace_stage_lag_seconds', 'gauge', 'Age of the oldest of them.', stages, ({ lagMs }) => lagMs / 1_000),
  ];
}

function sinkFamilies(sinks: Labelled<SinkStatus>, now: number): Family[] {
  const oldest = ({ oldestDeadLetterMs: first }: SinkStatus) =>
    first == null ? null : Math.max(0, (now - first) / 1_000);
  const ratio = ({ verified }: SinkStatus) => (verified?.percent == null ? null : verified.percent / 100);
  const since = ({ verified }: SinkStatus) =>
    verified?.sinceMs == null ? null : Math.max(0, now - verified.sinceMs) / 1_000;
  const results = sinks.flatMap(([labels, { records, refused = 0 }]) => [
    [{ ...labels, result: 'applied' }, records] as const,
    [{ ...labels, result: 'dead_letter' }, refused] as const,
  ]);
  return [
    one('tailrace_sink_records_total', 'counter', 'Records by what became of them.', results),
    each('tailrace_dlq_records', 'gauge', 'Dead letters that wait.', sinks, ({ deadLetters }) => deadLetters),
    each('tailrace_dlq_oldest_age_seconds', 'gauge', 'Since the oldest of them was refused.', sinks, oldest),
    each('tailrace_replay_percent', 'gauge', 'Of a replay under way.', sinks, ({ replay }) => replay?.percent ?? null),
    each(
      'tailrace_verified_ratio',
      'gauge',
      'Of the rows compared in the last complete round, the equal ones.',
      sinks,
      ratio,
    ),
    each('tailrace_verified_age_seconds', 'gauge', 'Since that round began.', sinks, since),
    each('tailrace_sink_lag_records', 'gauge', 'Records in the log not applied.', sinks, (sink) => sink.lagRecords),
    each('tailrace_sink_lag_seconds', 'gauge', 'Age of the oldest of them.', sinks, ({ lagMs }) => lagMs / 1_000),
  ];
}

const OPS = ['insert', 'update', 'delete', 'snapshot'] as const satisfies readonly (keyof RowCounts)[];

function sourceMeasures(measures: readonly SourceMeasures[]): Family[] {
  const sources = measures.map((one) => [{ pipeline: one.pipeline, source: one.source }, one] as const);
  const tables = sources.flatMap(([labels, { tables: all }]) =>
    [...all].map(([table, counts]) => [{ ...labels, table }, counts] as const),
  );
  const events = tables.flatMap(([labels, counts]) => OPS.map((op) => [{ ...labels, op }, counts[op]] as const));
  const lag = ({ lagMs }: SourceMeasures) => (lagMs === null ? null : lagMs / 1_000);
  const lagHelp =
    'From the commit at the source until it is in the log, of the last one; 0 when nothing more is to be read.';
  return [
    each('tailrace_source_lag_seconds', 'gauge', lagHelp, sources, lag),
    one('tailrace_source_events_total', 'counter', 'Rows the source has sent.', events),
    each(
      'tailrace_source_events_filtered_total',
      'counter',
      "Of them, kept from the log by the source's steps.",
      tables,
      ({ filtered }) => filtered,
    ),
    each('tailrace_source_errors_total', 'counter', 'Failures.', sources, ({ errors }) => errors),
    each('tailrace_source_retries_total', 'counter', 'Of them, tried again.', sources, ({ retries }) => retries),
    each('tailrace_queue_bytes', 'gauge', 'Encoded, and on the way to the log.', sources, (s) => s.queueBytes),
    each('tailrace_queue_limit_bytes', 'gauge', 'Above it the source waits.', sources, (s) => s.queueLimitBytes),
  ];
}

function sinkMeasures(measures: readonly SinkMeasures[], now: number): Family[] {
  const sinks = measures.map((one) => [{ pipeline: one.pipeline, sink: one.sink }, one] as const);
  const age = ({ lastSuccessMs: last }: SinkMeasures) => (last === null ? null : Math.max(0, (now - last) / 1_000));
  const stages = sinks.flatMap(
    ([
      labels,
      {
        delivery: { capture, queue, sink },
      },
    ]) => Object.entries({ capture, queue, sink }).map(([stage, times]) => [{ ...labels, stage }, times] as const),
  );
  const totals = sinks.map(([labels, { delivery }]) => [labels, delivery.total] as const);
  return [
    each('tailrace_sink_errors_total', 'counter', 'Failures.', sinks, ({ errors }) => errors),
    each('tailrace_sink_retries_total', 'counter', 'Of them, tried again.', sinks, ({ retries }) => retries),
    each('tailrace_sink_last_success_age_seconds', 'gauge', 'Since the target last acknowledged.', sinks, age),
    histogram('tailrace_delivery_seconds', 'From the commit at the source to the acknowledgement.', totals),
    histogram('tailrace_delivery_stage_seconds', 'The same by stage: capture, queue (in the log), sink.', stages),
  ];
}

function histogram(name: string, help: string, of: Labelled<Distribution>): Family {
  const samples = of.flatMap(([labels, { buckets, count, sum }]): Sample[] => [
    ...buckets.map(([le, below]) => ({ suffix: '_bucket', labels: { ...labels, le: String(le) }, value: below })),
    { suffix: '_bucket', labels: { ...labels, le: '+Inf' }, value: count },
    { suffix: '_sum', labels, value: sum },
    { suffix: '_count', labels, value: count },
  ]);
  return { name, type: 'histogram', help, samples };
}

function groupFamilies(groups: readonly GroupSummary[], times: ReadonlyMap<string, number>, now: number): Family[] {
  const labelled = groups.map((group) => [{ group: group.name }, group] as const);
  return [
    each('tailrace_group_lag_records', 'gauge', 'Records a consumer group has not read.', labelled, ({ lag }) =>
      Number(lag),
    ),
    each('tailrace_group_lag_seconds', 'gauge', 'Age of the oldest of them, about.', labelled, ({ name, lag }) => {
      const written = times.get(name);
      if (written === undefined) return lag === '0' ? 0 : null;
      return Math.max(0, (now - written) / 1_000);
    }),
    each('tailrace_group_members', 'gauge', 'Members of a consumer group.', labelled, ({ members }) => members),
  ];
}
