/** What another set of pipelines changes in a running instance, and what comes of it. */
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { PipelinePlan, SinkPlan, SourcePlan } from '../contracts/plan.ts';
import type { ChangedField, PlanChange } from '../contracts/reload.ts';
import type { StepSource } from '../contracts/rules.ts';
import { sinkTakes } from './sink-tables.ts';
import { isStaged, stagedSteps } from './stage/stage-plan.ts';
import { labelOf } from './stored-names.ts';

/** Of a sink whose rules change; who counts the rows says it of them instead. */
export const STAYS = 'rows that were delivered already stay as they are until they change';

/** How many records the log has for a sink: what a new one reads first. */
export type CountRecords = (pipeline: PipelinePlan, sink: SinkPlan) => number;

export function planChanges(
  before: readonly PipelinePlan[],
  after: readonly PipelinePlan[],
  count: CountRecords,
): PlanChange[] {
  return [
    ...matched(before, after).flatMap(([old, now]) =>
      old === null || now === null ? [] : pipelineChanges(old, now, count),
    ),
    ...matched(before, after).flatMap(([old, now]) => wholePipeline(old, now, count)),
  ];
}

/** The same names, in the order of the new ones; then those that are gone. */
function matched<T extends { readonly name: string }>(
  before: readonly T[],
  after: readonly T[],
): (readonly [old: T | null, now: T | null])[] {
  const of = (all: readonly T[], name: string) => all.find((one) => one.name === name) ?? null;
  const kept = after.map((now) => [of(before, now.name), now] as const);
  return [...kept, ...before.filter(({ name }) => of(after, name) === null).map((old) => [old, null] as const)];
}

function wholePipeline(old: PipelinePlan | null, now: PipelinePlan | null, count: CountRecords): PlanChange[] {
  const plan = now ?? old!;
  if (old !== null && now !== null) return [];
  const change = now === null ? ('removed' as const) : ('added' as const);
  const head = {
    change,
    pipeline: labelOf(plan),
    kind: 'pipeline',
    name: labelOf(plan),
    fields: [],
    remedy: null,
  } as const;
  const parts = [
    ...plan.sources.map((source) =>
      sourceChange(labelOf(plan), now === null ? source : null, now === null ? null : source),
    ),
    stageChange(old, now),
    ...plan.sinks.map((sink) => sinkChange(old, now, now === null ? sink : null, now === null ? null : sink, count)),
  ];
  return [{ ...head, consequences: [] }, ...parts.flatMap((part) => part ?? [])];
}

function pipelineChanges(old: PipelinePlan, now: PipelinePlan, count: CountRecords): PlanChange[] {
  const sources = matched(old.sources, now.sources).map(([a, b]) => sourceChange(labelOf(now), a, b));
  const sinks = matched(old.sinks, now.sinks).map(([a, b]) => sinkChange(old, now, a, b, count));
  return [...sources, stageChange(old, now), ...sinks].flatMap((change) => change ?? []);
}

function sourceChange(pipeline: string, old: SourcePlan | null, now: SourcePlan | null): PlanChange | null {
  const head = { pipeline, kind: 'source' as const, name: labelOf(now ?? old!) };
  if (old === null) {
    const first =
      now!.snapshot === 'initial' ? 'reads its tables once, then their changes' : 'reads changes from now on';
    return { ...head, change: 'added', fields: [], consequences: [first], remedy: null };
  }
  if (now === null) {
    const stays = 'its topics stay in the log; what it made at the database stays there too and keeps history';
    return { ...head, change: 'removed', fields: [], consequences: [stays], remedy: 'tailrace teardown' };
  }
  const fields = changedFields(sourceFields(old), sourceFields(now));
  if (fields.length === 0) return null;
  const added = now.tables.filter((table) => !old.tables.includes(table));
  const gone = old.tables.filter((table) => !now.tables.includes(table));
  const consequences = [
    'restarts; reads on from its saved position',
    ...renamed(fields, old, KEPT_BY_SOURCE),
    ...(added.length > 0 && now.snapshot === 'initial' ? [`reads ${added.join(', ')} from the database first`] : []),
    ...(gone.length > 0 ? [`takes no more changes of ${gone.join(', ')}; what the log has of them stays`] : []),
    ...(isSame(old.transform, now.transform) ? [] : ['rows in the log stay as the old steps made them']),
  ];
  return { ...head, change: 'changed', fields, consequences, remedy: null };
}

/** Steps that look at other rows, and those above them. */
function stageChange(old: PipelinePlan | null, now: PipelinePlan | null): PlanChange | null {
  const name = labelOf(now ?? old!);
  const head = { pipeline: name, kind: 'stage' as const, name };
  const [was, is] = [old !== null && isStaged(old), now !== null && isStaged(now)];
  if (!was && !is) return null;
  if (!was) {
    const consequences = ['reads what the log has of its tables, and writes them once more for the sinks'];
    return { ...head, change: 'added', fields: [], consequences, remedy: null };
  }
  if (!is) {
    const consequences = ['what it wrote stays in the log'];
    const moved = 'the sinks read the topics of the sources again, from where they last stood in them';
    return {
      ...head,
      change: 'removed',
      fields: [],
      consequences: [...consequences, ...(now === null ? [] : [moved])],
      remedy: null,
    };
  }
  const fields = changedFields(stageFields(old!), stageFields(now!));
  if (fields.length === 0) return null;
  const sent = 'sends every row that it keeps once more, as the steps make it now';
  const isOther = fields.some(({ name: field }) => field === 'steps');
  const consequences = ['restarts; goes on from its committed position', ...(isOther ? [sent] : [])];
  return { ...head, change: 'changed', fields, consequences, remedy: null };
}

function stageFields(pipeline: PipelinePlan): Fields {
  const tables = pipeline.sources.flatMap(({ name, tables: all }) => all.map((table) => `${name}.${table}`));
  return new Map<string, FieldValue>([
    ['tables', shown(tables)],
    ['steps', shown(steps(stagedSteps(pipeline)))],
  ]);
}

function sinkChange(
  oldPipeline: PipelinePlan | null,
  nowPipeline: PipelinePlan | null,
  old: SinkPlan | null,
  now: SinkPlan | null,
  count: CountRecords,
): PlanChange | null {
  const pipeline = labelOf(nowPipeline ?? oldPipeline!);
  const head = { pipeline, kind: 'sink' as const, name: labelOf(now ?? old!) };
  if (old === null || oldPipeline === null) {
    const records = count(nowPipeline!, now!);
    const consequences = [`reads the ${records.toLocaleString('en-US')} records that the log has, not the database`];
    return { ...head, change: 'added', fields: [], consequences, remedy: null };
  }
  if (now === null || nowPipeline === null) {
    const consequences = ['what it wrote stays in the target; its position stays in the log'];
    return { ...head, change: 'removed', fields: [], consequences, remedy: null };
  }
  const fields = changedFields(sinkFields(oldPipeline, old), sinkFields(nowPipeline, now));
  if (fields.length === 0) return null;
  const names = fields.map(({ name }) => name);
  const isElsewhere = names.includes('type') || names.some((name) => name.startsWith('config.'));
  const isOther = names.some((name) => name.endsWith('transform') || name === 'tables');
  const consequences = [
    'restarts; goes on from its committed position',
    ...renamed(fields, old, KEPT_BY_SINK),
    ...(isElsewhere ? ['its target may be another now: only changes from here on go there'] : []),
    ...(isOther ? [STAYS] : []),
  ];
  const verb = now.manifest.rebuild === undefined ? 'replay' : 'rebuild';
  const from = verb === 'replay' ? ' --from start' : '';
  const remedy = isElsewhere || isOther ? `tailrace ${verb} ${pipeline}/${labelOf(now)}${from}` : null;
  return { ...head, change: 'changed', fields, consequences, remedy };
}

const KEPT_BY_SOURCE = 'its topics and what it made at the source keep the names that they have';
const KEPT_BY_SINK = 'its group keeps the name that it has';

function renamed(fields: readonly ChangedField[], old: Parameters<typeof labelOf>[0], kept: string): string[] {
  return fields.some(({ name }) => name === 'name') ? [`renamed from ${labelOf(old)}: ${kept}`] : [];
}

/** `source shop`, `sink shop/search`: those that nothing of the change touches. */
export function untouched(pipelines: readonly PipelinePlan[], changes: readonly PlanChange[]): string[] {
  return pipelines.flatMap((plan) => {
    const { name: pipeline, staged, sources, sinks } = plan;
    const isChanged = (kind: PlanChange['kind'], part: SourcePlan | SinkPlan | PipelinePlan) =>
      changes.some((one) => one.kind === kind && one.pipeline === labelOf(plan) && one.name === labelOf(part));
    return [
      ...sources.filter((source) => !isChanged('source', source)).map(({ name }) => `source ${name}`),
      ...((staged ?? 0) > 0 && !isChanged('stage', plan) ? [`stage ${pipeline}`] : []),
      ...sinks.filter((sink) => !isChanged('sink', sink)).map(({ name }) => `sink ${pipeline}/${name}`),
    ];
  });
}

/** @param salt of the process: the hash of a plan is not that of another process, and tells nothing of secrets in it */
export function planHash(pipelines: readonly PipelinePlan[], changes: readonly PlanChange[], salt: string): string {
  const content = pipelines.map((pipeline) => ({
    name: pipeline.name,
    sources: pipeline.sources.map((source) => [source.name, ...sourceFields(source)]),
    stage: [...stageFields(pipeline)],
    sinks: pipeline.sinks.map((sink) => [sink.name, ...sinkFields(pipeline, sink)]),
  }));
  // What comes of them is left out: it has numbers that change while rows come in.
  const named = changes.map(({ consequences: _, remedy: __, ...change }) => change);
  const text = JSON.stringify([salt, content, named], (_, value) => (value instanceof Uint8Array ? [...value] : value));
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

interface FieldValue {
  readonly value: unknown;
  readonly text: string | null;
}

/** What makes the work of a source or sink: when all of it is the same, it goes on. */
type Fields = Map<string, FieldValue>;

function sourceFields(source: SourcePlan): Fields {
  const { manifest, config, tables, declared, snapshot, onGap, transform } = source;
  return new Map<string, FieldValue>([
    ['name', shown(labelOf(source))],
    ['type', shown(manifest.type)],
    ...configFields(config),
    ['tables', shown(tables)],
    ...(declared === undefined ? [] : [['tables as written', shown(declared)] as const]),
    ['snapshot', shown(snapshot)],
    ['on_gap', shown(onGap)],
    ['transform', shown(steps(transform))],
  ]);
}

function sinkFields(pipeline: PipelinePlan, sink: SinkPlan): Fields {
  const { manifest, config, from, transform, batch, maxDeadLettersPerMinute } = sink;
  const tables = pipeline.sources.flatMap(({ name, tables: all }) =>
    all.filter((table) => sinkTakes(sink, table)).map((table) => `${name}.${table}`),
  );
  return new Map<string, FieldValue>([
    ['name', shown(`${labelOf(pipeline)}/${labelOf(sink)}`)],
    ['type', shown(manifest.type)],
    ...configFields(config),
    ['from', shown(from ?? 'all')],
    ['tables', shown(tables)],
    ['pipeline transform', shown(steps(pipeline.transform))],
    ['transform', shown(steps(transform))],
    ['batch', shown(batch)],
    ['max_dead_letters_per_minute', shown(maxDeadLettersPerMinute)],
    ['dead_letters', shown(sink.deadLetters ?? 'default')],
    ['rate', shown(sink.rate ?? 'no limit')],
    ['verify', shown(sink.verify ?? 'no')],
  ]);
}

/** Places in the file are no part of it. */
function steps(all: readonly StepSource[]): readonly unknown[] {
  return all.map(({ verb, config }) => ({ [verb]: config }));
}

function shown(value: unknown): FieldValue {
  return { value, text: typeof value === 'string' ? value : JSON.stringify(value) };
}

/** Invariant 12: of a connector's own keys only the names are shown, for their values may be secrets. */
function configFields(config: unknown): (readonly [string, FieldValue])[] {
  if (typeof config !== 'object' || config === null) return [['config.', { value: config, text: null }]];
  return Object.entries(config).map(([key, value]) => [`config.${key}`, { value, text: null }] as const);
}

function changedFields(before: Fields, after: Fields): ChangedField[] {
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((name) => !isDeepStrictEqual(before.get(name)?.value, after.get(name)?.value))
    .map((name) => ({ name, before: before.get(name)?.text ?? null, after: after.get(name)?.text ?? null }));
}

function isSame(a: readonly StepSource[], b: readonly StepSource[]): boolean {
  return isDeepStrictEqual(steps(a), steps(b));
}
