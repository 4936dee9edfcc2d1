/** A plan with numbers: rows whose outcome changes, records that are sent, and about how long that takes. */
import type { Envelope } from '../contracts/envelope.ts';
import { TailraceError } from '../contracts/errors.ts';
import type { Log } from '../contracts/log.ts';
import type { PipelinePlan, SinkPlan, SourcePlan } from '../contracts/plan.ts';
import type { PlanChange, ReloadPlan } from '../contracts/reload.ts';
import type { Rules, RulesContext } from '../contracts/rules.ts';
import { STAYS } from './plan-changes.ts';
import { effectTexts, ruleEffects } from './rule-effects.ts';
import { readFrom, stepsOfSink } from './stage/stage-plan.ts';
import { isCalled } from './stored-names.ts';

export interface PlanEffects {
  readonly log: Log;
  readonly envelope: Envelope;
  readonly rules: Rules;
  readonly rulesContext: RulesContext;
  topics(pipeline: PipelinePlan, sink: SinkPlan): readonly string[];
  /** In the log, for a sink. */
  records(pipeline: PipelinePlan, sink: SinkPlan): number;
  /** Of sinks of a type: records a second; null: not known. */
  rate(type: string): number | null;
  /** Where the filters of a source run, a line each. Throws as the source connects. */
  filters(source: SourcePlan): Promise<readonly string[]>;
}

export async function withEffects(
  plan: ReloadPlan,
  before: readonly PipelinePlan[],
  after: readonly PipelinePlan[],
  effects: PlanEffects,
): Promise<ReloadPlan> {
  const changes: PlanChange[] = [];
  for (const change of plan.changes) {
    const [source, sink] = [sourceOf(after, change), sinkOf(after, change)];
    const texts =
      source !== null
        ? [...change.consequences, ...(await filterTexts(source, effects))]
        : sink !== null
          ? [...(await consequences(change, before, sink, effects)), ...leftBehind(change, before, sink, effects)]
          : change.consequences;
    changes.push({ ...change, consequences: texts });
  }
  return { ...plan, changes };
}

function sourceOf(plans: readonly PipelinePlan[], { kind, pipeline: name, name: own }: PlanChange): SourcePlan | null {
  const pipeline = kind === 'source' ? plans.find((plan) => isCalled(plan, name)) : undefined;
  return pipeline?.sources.find((one) => isCalled(one, own)) ?? null;
}

/** A plan is of use while the source cannot be asked. */
async function filterTexts(source: SourcePlan, effects: PlanEffects): Promise<readonly string[]> {
  try {
    return await effects.filters(source);
  } catch (error) {
    if (!(error instanceof TailraceError)) throw error;
    return [`where its filters run is not known: ${error.message}`];
  }
}

interface PlannedSink {
  readonly pipeline: PipelinePlan;
  readonly sink: SinkPlan;
}

function sinkOf(plans: readonly PipelinePlan[], { kind, pipeline: name, name: own }: PlanChange): PlannedSink | null {
  const pipeline = plans.find((plan) => isCalled(plan, name));
  const sink = kind === 'sink' ? pipeline?.sinks.find((one) => isCalled(one, own)) : undefined;
  return pipeline === undefined || sink === undefined ? null : { pipeline, sink };
}

async function consequences(
  change: PlanChange,
  plans: readonly PipelinePlan[],
  now: PlannedSink,
  effects: PlanEffects,
): Promise<readonly string[]> {
  const { pipeline, sink } = now;
  const records = effects.records(pipeline, sink);
  const took = timeText(records, effects.rate(sink.manifest.type));
  if (change.change === 'added') return took === null ? change.consequences : [...change.consequences, `takes ${took}`];
  const old = sinkOf(plans, change);
  const [, verb] = change.remedy?.split(' ') ?? [];
  const sent = `${records.toLocaleString('en-US')} records${took === null ? '' : `, ${took}`}`;
  const again = verb === undefined ? [] : [`a ${verb} sends ${sent}`];
  if (old === null || sink.manifest.keeps === 'append' || !change.consequences.includes(STAYS)) {
    return [...change.consequences, ...again];
  }
  const sources = pipeline.sources.map(({ name }) => readFrom(pipeline, name));
  const options = { ...effects, sources, topics: effects.topics(pipeline, sink) };
  const found = await ruleEffects(options, stepsOf(old), stepsOf(now));
  return [...change.consequences.flatMap((text) => (text === STAYS ? effectTexts(found) : [text])), ...again];
}

function stepsOf({ pipeline, sink }: PlannedSink) {
  return stepsOfSink(pipeline, sink);
}

/** Of steps that say by the old row where a row was: by the new ones they look elsewhere. */
function leftBehind(
  change: PlanChange,
  plans: readonly PipelinePlan[],
  now: PlannedSink,
  { rules }: PlanEffects,
): readonly string[] {
  const old = sinkOf(plans, change);
  if (old === null || !change.fields.some(({ name }) => name.endsWith('transform'))) return [];
  if (![old, now].some((one) => rules.needEveryChange?.(stepsOf(one)) === true)) return [];
  return [
    'rows stay where the old steps sent them, also when they change or are sent again: rebuild, or empty the target',
  ];
}

function timeText(records: number, rate: number | null): string | null {
  if (rate === null) return null;
  const seconds = Math.max(1, Math.ceil(records / rate));
  if (seconds < 120) return `about ${seconds} s`;
  return seconds < 7_200 ? `about ${Math.round(seconds / 60)} min` : `about ${Math.round(seconds / 3_600)} h`;
}
