/** Implements `contracts/inspect.ts` over the log, the rules and the plans of the running pipelines. */
import type { Envelope } from '../../contracts/envelope.ts';
import { errorWords, TailraceError } from '../../contracts/errors.ts';
import type {
  ChangePlace,
  Inspector,
  Tapped,
  TapRequest,
  TracedChange,
  TracedSink,
  TraceRequest,
} from '../../contracts/inspect.ts';
import type { Log } from '../../contracts/log.ts';
import type { PipelinePlan, SinkPlan } from '../../contracts/plan.ts';
import type { Change } from '../../contracts/row.ts';
import type { Rules, RulesContext } from '../../contracts/rules.ts';
import { didYouMean } from '../../lib/did-you-mean.ts';
import { quoted } from '../../lib/printable.ts';
import { groupCheckpoint, sinkGroup } from '../checkpoint-names.ts';
import { SchemaFeed } from '../schema-feed.ts';
import { sinkTakes } from '../sink-tables.ts';
import { isStaged, readFrom, stepsOfSink, topicForSinks } from '../stage/stage-plan.ts';
import { isCalled } from '../stored-names.ts';
import { tableTopic } from '../table-topic.ts';
import { isKey } from './key-words.ts';
import { cursorsOf, follow, type Reading, readToEnd, type SeenRecord } from './record-reader.ts';
import { shownChange } from './shown-change.ts';
import { StepChain, traced } from './step-chain.ts';

export interface InspectorOptions {
  readonly log: Log;
  readonly envelope: Envelope;
  readonly rules: Rules;
  readonly rulesContext: RulesContext;
  /** Those that run now. */
  readonly pipelines: () => readonly PipelinePlan[];
}

/** A table that a pipeline captures. */
interface Captured {
  readonly pipeline: PipelinePlan;
  readonly source: string;
  /** `schema.table`. */
  readonly table: string;
  readonly topic: string;
  /** The sinks read something else: what a stage makes of it. */
  readonly isStaged?: boolean;
}

interface Found {
  readonly captured: Captured;
  readonly record: SeenRecord;
}

/** The last `limit` by time, in its order. */
function newest(found: readonly Found[], limit: number): Found[] {
  return [...found].sort((a, b) => a.record.place.timestamp - b.record.place.timestamp).slice(-limit);
}

export class LogInspector implements Inspector {
  readonly #options: InspectorOptions;

  constructor(options: InspectorOptions) {
    this.#options = options;
  }

  async *tap(request: TapRequest, signal: AbortSignal): AsyncGenerator<readonly Tapped[], void, undefined> {
    const pipeline = this.#pipeline(request.pipeline);
    const sink = request.sink === null ? null : sinkOf(pipeline, request.sink);
    const chain = sink === null ? null : this.#chain(pipeline, sink);
    checkStep(request, chain);
    const captured = this.#captured([pipeline], request.table).filter(({ table, isStaged: before = false }) =>
      sink === null ? before === isStaged(pipeline) : !before && sinkTakes(sink, table),
    );
    const reading = this.#reading([pipeline], request.key);
    const cursors = captured.flatMap(({ topic }) => cursorsOf(reading, topic, request.last));
    for await (const list of follow(reading, cursors, signal)) {
      const tapped = list.flatMap((record) => tappedOf(record, chain, request.step));
      if (tapped.length > 0) yield tapped;
    }
  }

  async trace({ table, key, limit }: TraceRequest): Promise<readonly TracedChange[]> {
    const pipelines = this.#options.pipelines();
    const signal = new AbortController().signal;
    let found: Found[] = [];
    for (const captured of this.#captured(pipelines, table)) {
      const reading = this.#reading([captured.pipeline], key);
      for await (const list of readToEnd(reading, cursorsOf(reading, captured.topic, 'all'), signal)) {
        found.push(...list.map((record) => ({ captured, record })));
        if (found.length > 2 * limit) found = newest(found, limit);
      }
    }
    const chains = new Map<SinkPlan, StepChain>();
    return newest(found, limit).map(({ captured, record }) => this.#traced(captured, record, chains));
  }

  /** @param chains of the sinks so far: their rules are compiled once */
  #traced(
    { pipeline, source, table, isStaged: isBefore = false }: Captured,
    { place, change, error }: SeenRecord,
    chains: Map<SinkPlan, StepChain>,
  ): TracedChange {
    const chainOf = (sink: SinkPlan) => {
      const chain = chains.get(sink) ?? this.#chain(pipeline, sink);
      chains.set(sink, chain);
      return chain;
    };
    const sinks = isBefore ? [] : pipeline.sinks.filter((sink) => sinkTakes(sink, table));
    return {
      ...place,
      pipeline: pipeline.name,
      source,
      change: change === null ? null : shownChange(change),
      error: change === null ? errorWords(error) : null,
      sinks: sinks.map((sink) => {
        const isAcknowledged = this.#isAcknowledged(pipeline, sink, place);
        return { sink: sink.name, isAcknowledged, ...(change === null ? NO_STEPS : stepsOf(chainOf(sink), change)) };
      }),
    };
  }

  #isAcknowledged({ name }: PipelinePlan, sink: SinkPlan, { topic, partition, offset }: ChangePlace): boolean {
    const checkpoint = groupCheckpoint(sinkGroup(name, sink.name), topic, partition);
    const saved = this.#options.log.checkpoints.get(checkpoint);
    return saved !== undefined && BigInt(saved) > BigInt(offset);
  }

  #chain(pipeline: PipelinePlan, sink: SinkPlan): StepChain {
    const { rules, rulesContext } = this.#options;
    return new StepChain(stepsOfSink(pipeline, sink), rules, rulesContext);
  }

  #reading(pipelines: readonly PipelinePlan[], key: readonly string[] | null): Reading {
    const { log, envelope } = this.#options;
    const sources = pipelines.flatMap((pipeline) =>
      pipeline.sources.flatMap(({ name }) => [...new Set([name, readFrom(pipeline, name)])]),
    );
    const schemas = new SchemaFeed(log, envelope, sources);
    return { log, envelope, schemas, wants: (text) => key === null || isKey(text, key) };
  }

  #pipeline(name: string): PipelinePlan {
    const pipelines = this.#options.pipelines();
    const found = pipelines.find((pipeline) => isCalled(pipeline, name));
    if (found !== undefined) return found;
    throw notFound(`there is no pipeline ${quoted(name)}`, name, pipelines);
  }

  /** @param table `table` or `schema.table`; null: all */
  #captured(pipelines: readonly PipelinePlan[], table: string | null): readonly Captured[] {
    const all = pipelines.flatMap((pipeline) =>
      pipeline.sources.flatMap((source) =>
        source.tables.flatMap((name) => this.#capturedTable(pipeline, source.name, name)),
      ),
    );
    if (table === null) return all;
    const found = all.filter((one) => one.table === table || one.table.slice(one.table.indexOf('.') + 1) === table);
    if (found.length > 0) return found;
    throw new TailraceError('pipeline.not_found', `no running pipeline captures a table ${quoted(table)}`, {
      remedy:
        didYouMean(
          table,
          all.map((one) => (table.includes('.') ? one.table : one.table.slice(one.table.indexOf('.') + 1))),
        ) ?? '`tailrace topics ls` lists what is in the log',
    });
  }

  /** As its source wrote it, and as its sinks read it. */
  #capturedTable(pipeline: PipelinePlan, source: string, table: string): Captured[] {
    const { envelope } = this.#options;
    const read = { pipeline, source, table, topic: topicForSinks(envelope, pipeline, source, table) };
    if (!isStaged(pipeline)) return [read];
    return [{ ...read, topic: tableTopic(envelope, source, table), isStaged: true }, read];
  }
}

const NO_STEPS = { steps: [], results: [], error: null };

function stepsOf(chain: StepChain, change: Change): Pick<TracedSink, 'steps' | 'results' | 'error'> {
  const steps = chain.run(change).map(traced);
  try {
    return { steps, results: chain.apply(change).map(shownChange), error: null };
  } catch (error) {
    return { steps, results: [], error: errorWords(error) };
  }
}

function tappedOf({ place, change, error }: SeenRecord, chain: StepChain | null, step: number | null): Tapped[] {
  const failed = (cause: unknown): Tapped[] => [
    { ...place, step: null, change: null, results: null, error: errorWords(cause) },
  ];
  if (change === null) return failed(error);
  if (chain === null) return [{ ...place, step: null, change: shownChange(change), results: null, error: null }];
  if (step === null) {
    try {
      const given = chain.apply(change);
      return given.map((one) => ({ ...place, step: null, change: shownChange(one), results: null, error: null }));
    } catch (cause) {
      return failed(cause);
    }
  }
  const run = chain.run(change)[step - 1];
  // An earlier step failed.
  if (run === undefined) return [];
  const results = run.output?.map(shownChange) ?? null;
  const problem = run.output === null ? errorWords(run.error) : null;
  return run.input.map((one) => ({ ...place, step: run.place, change: shownChange(one), results, error: problem }));
}

function checkStep({ step, sink }: TapRequest, chain: StepChain | null): void {
  if (step === null) return;
  if (chain !== null && step >= 1 && step <= chain.length) return;
  const has = chain === null ? 'steps are those on the way to a sink' : `the way to ${sink} has ${chain.length} steps`;
  throw new TailraceError('pipeline.not_found', `there is no step ${step}: ${has}`, {
    remedy: '`tailrace graph` numbers them',
  });
}

function sinkOf(pipeline: PipelinePlan, name: string): SinkPlan {
  const found = pipeline.sinks.find((sink) => isCalled(sink, name));
  if (found !== undefined) return found;
  throw notFound(`pipeline ${quoted(pipeline.name)} has no sink ${quoted(name)}`, name, pipeline.sinks);
}

function notFound(message: string, name: string, among: readonly { readonly name: string }[]): TailraceError {
  const names = among.map((one) => one.name);
  const remedy = didYouMean(name, names) ?? `there are: ${names.join(', ') || 'none'}`;
  return new TailraceError('pipeline.not_found', message, { remedy });
}
