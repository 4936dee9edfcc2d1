/** What people do with the dead letters of a running instance. */
import type {
  DeadLetterDesk,
  DeadLetterEdit,
  DeadLetterFilter,
  DeadLetterList,
  DeadLetterSummary,
  RetryReport,
} from '../../contracts/dead-letters.ts';
import type { Envelope } from '../../contracts/envelope.ts';
import { TailraceError } from '../../contracts/errors.ts';
import type { Log } from '../../contracts/log.ts';
import type { PipelinePlan, SinkPlan } from '../../contracts/plan.ts';
import type { ConnectorContext } from '../../contracts/plugin.ts';
import type { Rules, RulesContext } from '../../contracts/rules.ts';
import { CompiledSteps } from '../compiled-steps.ts';
import { SchemaFeed } from '../schema-feed.ts';
import { readFrom, stepsOfSink } from '../stage/stage-plan.ts';
import { isCalled } from '../stored-names.ts';
import { editedEntry } from './edit.ts';
import { byVersion, type Entry, ended, ownerOf, retryOf, summaryOf, withAct } from './entry.ts';
import type { DeadLetters } from './letters.ts';
import { LetterReader, matches, noSuchLetter } from './reader.ts';
import type { LetterStore } from './store.ts';
import { tryOut } from './trial.ts';

/** A sink at work. */
export interface DeskSink {
  readonly pipeline: PipelinePlan;
  readonly plan: SinkPlan;
  readonly store: LetterStore;
  readonly letters: DeadLetters;
}

export interface DeskOptions {
  readonly log: Log;
  readonly envelope: Envelope;
  readonly rules: Rules;
  readonly rulesContext: RulesContext;
  readonly context: ConnectorContext;
  /** All sinks of the instance, as they are now. */
  readonly sinks: () => readonly DeskSink[];
}

/** Ids of one sink's letters, with what is asked for and what goes along. */
interface Selection {
  readonly selected: readonly string[];
  readonly alongside: readonly string[];
  readonly retrying: number;
}

export class Desk extends LetterReader implements DeadLetterDesk {
  readonly #options: DeskOptions;

  constructor(options: DeskOptions) {
    super(options.log, (name) => options.sinks().some(({ pipeline }) => isCalled(pipeline, name)));
    this.#options = options;
  }

  /** Letters are kept by the names of the state. */
  override list(name: string, filter: DeadLetterFilter): Promise<DeadLetterList> {
    const all = this.#options.sinks().filter(({ pipeline }) => isCalled(pipeline, name));
    const sink = filter.sink === undefined ? undefined : all.find(({ plan }) => isCalled(plan, filter.sink!));
    const stored = sink === undefined ? filter : { ...filter, sink: sink.plan.name };
    return super.list(all[0]?.pipeline.name ?? name, stored);
  }

  async tryOut(pipeline: string, filter: DeadLetterFilter): Promise<RetryReport> {
    const reports: RetryReport[] = [];
    for (const sink of this.#sinksOf(pipeline, filter)) {
      await sink.store.load();
      const found = selection(sink, filter);
      const entries = await this.#whole(sink, found);
      const refused = await tryOut(await this.#trial(sink), entries);
      const list = [...refused].map(([id, { code, message }]) => ({ id, code, message }));
      const judgedBy = sink.plan.manifest.triesOut === true ? 'rules and target' : 'rules';
      reports.push({ ...counts(found), sent: entries.size - list.length, refused: list, judgedBy });
    }
    return total(reports);
  }

  async retry(pipeline: string, filter: DeadLetterFilter, by: string): Promise<RetryReport> {
    const reports: RetryReport[] = [];
    for (const sink of this.#sinksOf(pipeline, filter)) {
      await sink.store.load();
      await sink.store.turn(async () => {
        const found = selection(sink, filter);
        const now = this.#options.context.clock.now();
        const retries = [...(await this.#whole(sink, found))].map(([id, entry]) => retryOf(id, entry, by, now));
        await sink.store.send(retries);
        reports.push({ ...counts(found), sent: retries.length, refused: [], judgedBy: 'rules' });
      });
    }
    return total(reports);
  }

  async edit({ id, by, columns }: DeadLetterEdit): Promise<DeadLetterSummary> {
    const sink = this.#sinkOf(id);
    await sink.store.load();
    return sink.store.turn(async () => {
      const entry = await sink.store.whole(id);
      if (entry === undefined) throw noSuchLetter(id);
      if (entry.state === 'retrying') throw new TailraceError('dlq.invalid', 'it is on its way to the sink');
      const { envelope, context } = this.#options;
      const edited = editedEntry(entry, columns, envelope, (await this.#schemas(sink)).store);
      const written = withAct(edited, 'edit', context.clock.now(), by, Object.keys(columns).join(', '));
      await sink.store.write([[id, written]]);
      return summaryOf(id, written);
    });
  }

  async discard(pipeline: string, filter: DeadLetterFilter, by: string, reason: string): Promise<number> {
    let discarded = 0;
    for (const sink of this.#sinksOf(pipeline, filter)) {
      await sink.store.load();
      await sink.store.turn(async () => {
        const now = this.#options.context.clock.now();
        const entries = selection(sink, filter).selected.map((id) => {
          const { entry } = sink.store.waiting.get(id)!;
          return [id, ended(withAct(entry, 'discard', now, by, reason), 'discarded')] as const;
        });
        await sink.store.write(entries);
        discarded += entries.length;
      });
      await sink.letters.release();
    }
    return discarded;
  }

  #sinksOf(pipeline: string, { sink }: DeadLetterFilter): readonly DeskSink[] {
    const found = this.#options
      .sinks()
      .filter((one) => isCalled(one.pipeline, pipeline) && (sink === undefined || isCalled(one.plan, sink)));
    if (found.length > 0) return found;
    const name = sink === undefined ? pipeline : `${pipeline}/${sink}`;
    throw new TailraceError('dlq.not_found', `${name} does not run here`, {
      remedy: '`tailrace status` lists what runs; dead letters of what was removed can only be looked at',
    });
  }

  #sinkOf(id: string): DeskSink {
    const owner = ownerOf(id);
    if (owner === null) throw noSuchLetter(id);
    return this.#sinksOf(owner.pipeline, { sink: owner.sink })[0]!;
  }

  async #schemas({ pipeline }: DeskSink): Promise<SchemaFeed> {
    const { log, envelope } = this.#options;
    const feed = new SchemaFeed(
      log,
      envelope,
      pipeline.sources.map(({ name }) => readFrom(pipeline, name)),
    );
    await feed.catchUp();
    return feed;
  }

  async #trial(sink: DeskSink) {
    const { log, envelope, rules, rulesContext, context } = this.#options;
    const { pipeline, plan } = sink;
    const steps = new CompiledSteps(stepsOfSink(pipeline, plan), rules, rulesContext);
    const { store: schemas } = await this.#schemas(sink);
    return { log, envelope, schemas, context, pipeline: pipeline.name, plan, rules: steps };
  }

  /** In the order of the records. */
  async #whole({ store }: DeskSink, { selected, alongside }: Selection): Promise<Map<string, Entry>> {
    const found: [string, Entry][] = [];
    for (const id of [...selected, ...alongside]) {
      const entry = await store.whole(id);
      if (entry !== undefined) found.push([id, entry]);
    }
    return new Map(found.sort(([, a], [, b]) => byVersion(a, b)));
  }
}

/** Invariant 6: with a letter go the earlier ones of its row, and those that were held behind it. */
function selection({ store }: DeskSink, filter: DeadLetterFilter): Selection {
  const all = [...store.waiting].map(([id, { entry }]) => ({ id, entry }));
  const wanted = all
    .filter(({ id, entry }) => matches(summaryOf(id, entry), filter))
    .sort((a, b) => a.entry.first - b.entry.first || byVersion(a.entry, b.entry))
    .slice(0, filter.limit ?? undefined);
  const selected = new Set(wanted.map(({ id }) => id));
  const newest = new Map<string, Entry>();
  for (const { entry } of wanted) {
    const known = newest.get(entry.row ?? '');
    if (entry.row !== null && (known === undefined || byVersion(known, entry) < 0)) newest.set(entry.row, entry);
  }
  const alongside = all.filter(({ id, entry }) => {
    const last = newest.get(entry.row ?? '');
    if (selected.has(id) || last === undefined || entry.state === 'retrying') return false;
    return entry.state === 'held' || byVersion(entry, last) < 0;
  });
  const retrying = all.filter(({ id, entry }) => entry.state === 'retrying' && filter.ids?.includes(id)).length;
  return { selected: [...selected], alongside: alongside.map(({ id }) => id), retrying };
}

function counts({ selected, alongside, retrying }: Selection) {
  return { selected: selected.length, alongside: alongside.length, retrying };
}

function total(reports: readonly RetryReport[]): RetryReport {
  const sum = (of: (report: RetryReport) => number) => reports.reduce((all, report) => all + of(report), 0);
  return {
    selected: sum((report) => report.selected),
    alongside: sum((report) => report.alongside),
    retrying: sum((report) => report.retrying),
    sent: sum((report) => report.sent),
    refused: reports.flatMap(({ refused }) => refused),
    judgedBy: reports.every(({ judgedBy }) => judgedBy === 'rules and target') ? 'rules and target' : 'rules',
  };
}
