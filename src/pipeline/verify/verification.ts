/** One verification of one sink: its tables one after the other, resumable, with repair where that is wanted. */
import type { Envelope } from '../../contracts/envelope.ts';
import { TailraceError } from '../../contracts/errors.ts';
import type { Log } from '../../contracts/log.ts';
import type { PipelinePlan, SinkPlan, SourcePlan } from '../../contracts/plan.ts';
import type { ConnectorContext } from '../../contracts/plugin.ts';
import type { Rules, RulesContext } from '../../contracts/rules.ts';
import type { TableDescription } from '../../contracts/schema.ts';
import type { SinkInspector, SourceInspector, VerifyRequest } from '../../contracts/verification.ts';
import { sinkGroup } from '../checkpoint-names.ts';
import { sinkTakes } from '../sink-tables.ts';
import { isStaged } from '../stage/stage-plan.ts';
import { tableTopic } from '../table-topic.ts';
import { Confirmation, type Confirmed, type FoundDifference } from './confirmation.ts';
import { ExpectedRows } from './expected-rows.ts';
import { LogPositions } from './log-positions.ts';
import { Pace } from './pace.ts';
import { type Rereader, reread } from './repair.ts';
import { Report } from './report.ts';
import { SavedPlace, type VerificationPlace } from './saved-place.ts';
import { SourceRows } from './source-rows.ts';
import { type TablePlace, TableVerification, type TableVerificationOptions } from './table-verification.ts';

const BEGINNING: TablePlace = { pass: 'source', after: null };
const SINK_BUFFER_BYTES = 4 << 20;

export interface VerificationOptions {
  readonly instance: string;
  readonly pipeline: PipelinePlan;
  readonly sink: SinkPlan;
  readonly request: Pick<VerifyRequest, 'tables' | 'rate' | 'repair' | 'resume'>;
  readonly log: Log;
  readonly envelope: Envelope;
  readonly rules: Rules;
  readonly rulesContext: RulesContext;
  readonly context: ConnectorContext;
  readonly rereader: Rereader;
  /** Checkpoint that keeps its place. */
  readonly place: string;
}

interface WantedTable {
  readonly source: SourcePlan;
  /** `schema.table`. */
  readonly label: string;
  readonly description: TableDescription;
  /** Rows that the server thinks there are. */
  readonly estimate: number | null;
}

export class Verification {
  readonly report: Report;
  readonly #options: VerificationOptions;
  readonly #pace: Pace;
  readonly #abort = new AbortController();
  readonly #inspectors = new Map<string, SourceInspector>();
  #sink: SinkInspector | null = null;

  constructor(options: VerificationOptions) {
    const { pipeline, sink, request, context } = options;
    this.#options = options;
    this.#pace = new Pace(context.clock, request.rate);
    this.report = new Report({ pipeline: pipeline.name, sink: sink.name }, this.#pace, context.clock);
  }

  cancel(): void {
    this.#abort.abort(new TailraceError('verify.changed', 'cancelled'));
  }

  /** Never rejects: the report says how it ended. */
  async run(): Promise<void> {
    const { signal } = this.#abort;
    try {
      await this.#run(signal);
      this.report.end(null, false);
    } catch (error) {
      this.report.end(error, signal.aborted);
    } finally {
      await this.#close();
    }
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { request, log, place: name, context } = this.#options;
    const saved = await SavedPlace.open(log, name, context.clock);
    const from = request.resume ? saved.load() : null;
    if (from !== null) this.report.restore(from.tally);
    this.#sink = await this.#inspectSink();
    const tables = await this.#tables();
    const known = tables.every(({ estimate }) => estimate !== null);
    this.#pace.expect(known ? 2 * tables.reduce((sum, { estimate }) => sum + estimate!, 0) : null);
    const first = Math.max(
      0,
      tables.findIndex(({ label }) => label === from?.table),
    );
    for (const table of tables.slice(first)) {
      const place = from?.table === table.label ? from.place : BEGINNING;
      await this.#verify(table, place, saved, signal);
    }
    await saved.clear();
  }

  async #verify(table: WantedTable, from: TablePlace, saved: SavedPlace, signal: AbortSignal): Promise<void> {
    const options = this.#tableOptions(table);
    const confirmation = new Confirmation(options);
    const verification = new TableVerification({
      ...options,
      description: table.description,
      confirmation,
      pace: this.#pace,
      found: (confirmed) => this.#found(table, confirmation, confirmed, options, signal),
      reached: (place) =>
        saved.save({ table: table.label, place, tally: this.report.tally } satisfies VerificationPlace),
      note: (text) => this.report.note(text),
    });
    await verification.run(from, signal);
  }

  async #found(
    table: WantedTable,
    confirmation: Confirmation,
    confirmed: Confirmed,
    { expected }: Pick<TableVerificationOptions, 'expected'>,
    signal: AbortSignal,
  ): Promise<void> {
    const { request, rereader, context } = this.#options;
    const { differences } = confirmed;
    const repaired = new Set<FoundDifference>();
    if (request.repair && differences.length > 0) {
      const { source, label, description } = table;
      const keys = differences.map(({ sourceKey }) => sourceKey);
      await reread({ source: source.name, table: label, rereader, clock: context.clock }, keys, signal);
      const left = await confirmation.of(differences, expected.targetOf(description), signal);
      const still = new Set([...left.differences, ...left.unsettled].map(({ sinkKey }) => sinkKey));
      for (const one of differences) if (!still.has(one.sinkKey)) repaired.add(one);
    }
    this.report.add(table.label, confirmed, repaired);
  }

  #expected({ transform }: SourcePlan): ExpectedRows {
    const { pipeline, sink, rules, rulesContext } = this.#options;
    return new ExpectedRows(rules, rulesContext, {
      source: transform,
      sink: [...pipeline.transform, ...sink.transform],
    });
  }

  #tableOptions({ source, label }: WantedTable) {
    const { pipeline, sink, log, envelope, context, rereader } = this.#options;
    const { clock } = context;
    const inspector = this.#inspectors.get(source.name)!;
    return {
      table: label,
      source: source.name,
      topic: tableTopic(envelope, source.name, label),
      group: sinkGroup(pipeline.name, sink.name),
      rows: new SourceRows({ plan: source, inspector, envelope, clock }),
      expected: this.#expected(source),
      inspector,
      sink: this.#sink!,
      positions: new LogPositions(log, envelope, clock, rereader.hasten),
      clock,
    };
  }

  /** Those that the sink takes, and that are asked for. Tables without a key have no rows that could be named. */
  async #tables(): Promise<readonly WantedTable[]> {
    const { pipeline, sink, request, instance, context } = this.#options;
    const found: WantedTable[] = [];
    if (isStaged(pipeline)) throw unsupported(`rows of ${pipeline.name}, which a step makes of other rows too,`);
    for (const source of pipeline.sources) {
      const { manifest, config, name, snapshot } = source;
      const taken = source.tables.filter((label) => sinkTakes(sink, label));
      const tables = taken.filter((label) => request.tables === null || request.tables.includes(label));
      if (tables.length === 0) continue;
      if (manifest.inspect === undefined) throw unsupported(`the tables of a ${manifest.type} source`);
      const options = { config, name, instance, tables, snapshot, context };
      const inspector = await manifest.inspect(options);
      this.#inspectors.set(name, inspector);
      for (const description of await manifest.describe(options)) {
        const label = `${description.schema}.${description.table}`;
        if (description.columns.every(({ keyOrdinal }) => keyOrdinal === undefined)) {
          this.report.note(`${label}: was not compared, because it has no key`);
        } else if (this.#expected(source).areMessages(description)) {
          this.report.note(`${label}: was not compared, because its rows are messages`);
        } else found.push({ source, label, description, estimate: await inspector.estimate(label) });
      }
    }
    return found;
  }

  async #inspectSink(): Promise<SinkInspector> {
    const { pipeline, log, context, sink } = this.#options;
    const { manifest, config, name } = sink;
    if (manifest.inspect === undefined) throw unsupported(`a ${manifest.type} target`);
    const base = { config, id: `${pipeline.name}.${name}`, pipeline: pipeline.name, generation: 0 };
    return manifest.inspect({ ...base, lineage: log.lineage, maxBytes: SINK_BUFFER_BYTES, context });
  }

  async #close(): Promise<void> {
    const closing = [this.#sink, ...this.#inspectors.values()].map((one) => one?.close());
    await Promise.allSettled(closing);
  }
}

function unsupported(what: string): TailraceError {
  return new TailraceError('verify.unsupported', `${what} cannot be compared`, {
    remedy: 'name another sink with `tailrace verify <pipeline>/<sink>`',
  });
}
