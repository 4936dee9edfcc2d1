/**
 * Runs one source: opens a reader, feeds it the saved position, reconnects with backoff, and stops durably at a gap.
 */
import type { SourceStatus, TaskProblem } from '../contracts/control.ts';
import type { Envelope } from '../contracts/envelope.ts';
import { classOf, TailraceError } from '../contracts/errors.ts';
import type { Log } from '../contracts/log.ts';
import type { TopicAdmin } from '../contracts/log-admin.ts';
import type { RowCounts, SourceMeasures } from '../contracts/measures.ts';
import type { SourcePlan } from '../contracts/plan.ts';
import type { ConnectorContext } from '../contracts/plugin.ts';
import type { Rules, RulesContext, TableRules } from '../contracts/rules.ts';
import type { TableDescription, TableSchema } from '../contracts/schema.ts';
import type { FoundTable, Position, SourceReader } from '../contracts/source.ts';
import type { SnapshotCommand } from '../contracts/upstream.ts';
import { gapCheckpoint, schemasTopic, sourceCheckpoint } from './checkpoint-names.ts';
import { keepEveryChange } from './rehydrate/keep-every-change.ts';
import { openRehydration, unbrokenFromNow } from './rehydrate/open-rehydration.ts';
import type { Rehydration, UnbrokenSince, UnsentRules } from './rehydrate/rehydration.ts';
import { shownPosition } from './shown-position.ts';
import { sourceFilters } from './source-filters.ts';
import { LogSourceOutput, type SourceCheckpoint, type SourceCommit } from './source-output.ts';
import { ensureTopic } from './source-topics.ts';
import { refuseRowsOfSplit } from './split-tables.ts';
import { labelOf, storedAs } from './stored-names.ts';
import { looseTables } from './table-directory.ts';
import { misfit } from './table-rules.ts';
import { mayPass, problemOf, restingState, TaskStateKeeper, waitToRetry } from './task-state.ts';

export interface SourceTaskOptions {
  readonly plan: SourcePlan;
  readonly instance: string;
  readonly log: Log;
  readonly envelope: Envelope;
  readonly rules: Rules;
  readonly rulesContext: RulesContext;
  readonly context: ConnectorContext;
  /** Names of the topics that the captured tables go to. */
  readonly tableTopics: ReadonlySet<string>;
  readonly maxBytes: number;
  /** Of what is filled in. */
  readonly cacheBytes: number;
  /** Where what is filled in is kept; absent: nothing is. */
  readonly dataDir?: string;
  readonly topicAdmin?: TopicAdmin;
  /** The steps that the source's tables go through. */
  readonly rulesOf: (tables: readonly TableDescription[]) => readonly TableRules[];
}

interface Kept {
  readonly rehydration: Rehydration | null;
  readonly since: UnbrokenSince;
}

export class SourceTask {
  readonly #options: SourceTaskOptions;
  readonly #keeper: TaskStateKeeper;
  #rows = 0;
  #transactions = 0;
  #position: Position | null = null;
  #lastCommitMs: number | null = null;
  /** Of the last commit, and when that was. */
  #lag: { readonly ms: number; readonly atMs: number } | null = null;
  readonly #counts = new Map<string, RowCounts>();
  /** Null: to be asked for. */
  #tables: readonly TableDescription[] | null = null;
  readonly #wanted = new Map<string, UnsentRules>();
  /** Of this connection: not read yet, being read, or neither. */
  #snapshot: 'ahead' | 'begun' | 'none' = 'none';
  /** At work. */
  #reader: SourceReader | null = null;
  #output: LogSourceOutput | null = null;

  constructor(options: SourceTaskOptions) {
    this.#options = options;
    this.#keeper = new TaskStateKeeper(options.context.log, options.context.clock, {
      source: labelOf(options.plan),
    });
  }

  status(): SourceStatus {
    const { plan } = this.#options;
    const upstream = this.#reader?.upstream?.() ?? undefined;
    const { state } = this.#keeper;
    // Beside a snapshot that goes on there is a stream as well.
    const reads = state === 'streaming' && upstream?.snapshots.some(({ kind }) => kind === 'initial') === true;
    return {
      name: labelOf(plan),
      ...storedAs(plan),
      type: plan.manifest.type,
      state: reads ? 'snapshot' : state,
      problem: this.#keeper.problem,
      rows: this.#rows,
      transactions: this.#transactions,
      position: shownPosition(this.#position),
      lastCommitMs: this.#lastCommitMs,
      ...(upstream === undefined ? {} : { upstream }),
    };
  }

  measures(): Omit<SourceMeasures, 'pipeline'> {
    const { plan, maxBytes } = this.#options;
    const { errors, retries } = this.#keeper;
    return {
      source: labelOf(plan),
      lagMs: this.#lagMs(),
      queueBytes: this.#output?.pendingBytes ?? 0,
      queueLimitBytes: maxBytes,
      errors,
      retries,
      tables: this.#counts,
    };
  }

  /** While it does not read, it falls behind with the time. */
  #lagMs(): number | null {
    if (this.#lag === null) return null;
    const { ms, atMs } = this.#lag;
    return this.#reader === null ? ms + Math.max(0, this.#options.context.clock.now() - atMs) : ms;
  }

  /** Resolves when it is durable. Throws `source.not_ready` when the source is not at work or cannot do that, `source.unsupported` when its steps cannot. */
  async snapshots(command: SnapshotCommand): Promise<void> {
    const { name } = this.#options.plan;
    const [reader, output] = [this.#reader, this.#output];
    if (reader?.snapshots !== undefined && output !== null) {
      refuseRowsOfSplit(this.#options, command, this.#tables ?? []);
      await reader.snapshots(command);
      reader.hasten?.();
      return output.saved();
    }
    const message = reader === null ? `${name} is not at work` : `${name} has no snapshots that can be told what to do`;
    throw new TailraceError('source.not_ready', message, { remedy: '`tailrace status` says what it is doing' });
  }

  /** Its tables as it found them; null: it has not looked yet. */
  get described(): readonly TableDescription[] | null {
    return this.#tables;
  }

  /** See `SourceReader.tables`; null: nobody can be asked. */
  tables(): Promise<readonly FoundTable[]> | null {
    return this.#reader?.tables?.() ?? null;
  }

  /** See `SourceReader.hasten`. */
  hasten(): void {
    this.#reader?.hasten?.();
  }

  /** Resolves when the signal aborts (null) or the source stopped for good (the error). Never rejects. */
  async run(signal: AbortSignal): Promise<unknown> {
    const { log, plan } = this.#options;
    const recorded = log.checkpoints.get(gapCheckpoint('source', plan.name));
    if (recorded !== undefined && plan.onGap === 'stop') {
      const rest = await this.#restAgain(JSON.parse(recorded));
      if (rest !== null) return rest;
    }
    let afresh = recorded !== undefined && plan.onGap === 'resnapshot';
    while (!signal.aborted) {
      try {
        await this.#readOnce(signal, afresh);
        afresh = false;
      } catch (error) {
        if (signal.aborted) break;
        afresh = classOf(error) === 'gap' && plan.onGap === 'resnapshot';
        if (afresh) this.#keeper.fail('retrying', error);
        else if (!mayPass(error, this.#keeper.hasRun)) return this.#rest(error);
        await waitToRetry(this.#keeper, this.#options.context, error, signal);
      }
    }
    this.#keeper.enter('stopped');
    return null;
  }

  /** At a gap that an earlier process has recorded; null when it was mended since. */
  async #restAgain(problem: TaskProblem): Promise<unknown> {
    const { plan, log, instance, context } = this.#options;
    const { manifest, config, name, tables, snapshot } = plan;
    const saved = log.checkpoints.get(sourceCheckpoint(name));
    if (saved !== undefined && manifest.mended !== undefined) {
      const { position } = JSON.parse(saved) as SourceCheckpoint;
      const options = { config, name, instance, tables, ...looseTables(plan), snapshot, context };
      try {
        if (await manifest.mended(options, position)) return null;
      } catch (error) {
        // Of anything else, a server that is away say, nothing is told: the gap is what has to be known.
        if (classOf(error) === 'gap') return this.#rest(error);
      }
    }
    this.#keeper.restore('gap', problem);
    return new TailraceError('source.gap', problem.message);
  }

  get name(): string {
    return this.#options.plan.name;
  }

  get hasRun(): boolean {
    return this.#keeper.hasRun;
  }

  /** Invariant 5: a gap is recorded in the log, so that a restart shows it and does not read past it. */
  async #rest(error: unknown): Promise<unknown> {
    const { log, plan, context } = this.#options;
    this.#keeper.fail(restingState(error), error);
    if (classOf(error) === 'gap') {
      const name = sourceCheckpoint(plan.name);
      const transaction = log.begin(name, await log.fence(name));
      const problem = problemOf(error, context.clock.now());
      transaction.checkpoint(gapCheckpoint('source', plan.name), JSON.stringify(problem));
      await transaction.commit().catch(() => transaction.abort());
    }
    return error;
  }

  async #readOnce(outer: AbortSignal, afresh: boolean): Promise<void> {
    const { plan, log, instance, context, rules } = this.#options;
    const { config, name, tables, snapshot } = plan;
    this.#tables ??= await this.#describe();
    const filters = sourceFilters(plan, this.#tables, rules);
    const epoch = await log.fence(sourceCheckpoint(name));
    const saved = log.checkpoints.get(sourceCheckpoint(name));
    const checkpoint = saved === undefined ? null : (JSON.parse(saved) as SourceCheckpoint);
    this.#position = checkpoint?.position ?? null;
    const inner = new AbortController();
    const signal = AbortSignal.any([outer, inner.signal]);
    const from = afresh ? null : this.#position;
    const kept = await this.#kept(from, checkpoint, outer);
    const reader = await plan.manifest
      .open({ config, name, instance, tables, ...looseTables(plan), ...filters, snapshot, context })
      .catch((error: unknown) => {
        kept.rehydration?.close();
        throw error;
      });
    const failure: { error?: unknown } = {};
    const output = this.#outputOf(reader, epoch, checkpoint, kept, (error) => {
      failure.error = error;
      inner.abort(error);
    });
    try {
      this.#snapshot = from === null && snapshot === 'initial' ? 'ahead' : 'none';
      this.#keeper.attempt(this.#snapshot === 'ahead' ? 'snapshot' : 'streaming');
      // Durable, though the process that made it so may have died before it could say so.
      if (from !== null) reader.acknowledge(from);
      this.#reader = reader;
      this.#output = output;
      await reader.run(from, output, signal);
      if ('error' in failure) throw failure.error;
    } catch (error) {
      // Perhaps the tables are not as they were described.
      if ((error as { code?: unknown }).code === 'source.rehydrate') this.#tables = null;
      throw 'error' in failure ? failure.error : error;
    } finally {
      this.#reader = null;
      this.#output = null;
      await output.close();
      await reader.close();
    }
  }

  /**
   * Before the first row: a step that names columns which no table has does nothing, and what it was to keep from the disk
   * would be there.
   */
  async #describe(): Promise<readonly TableDescription[]> {
    const { plan, instance, context, rules, rulesOf } = this.#options;
    const { manifest, config, name, tables, snapshot } = plan;
    const described = await manifest.describe({ config, name, instance, tables, snapshot, context });
    const wrong = misfit(name, rulesOf(described), rules);
    if (wrong !== null) throw wrong;
    if (manifest.rehydrates?.(config) === false) await keepEveryChange(this.#options, described);
    return described;
  }

  /** What is filled in. Caught up with the log before the source is read. */
  async #kept(from: Position | null, saved: SourceCheckpoint | null, signal: AbortSignal): Promise<Kept> {
    const { tableTopics, log, dataDir, cacheBytes, ...options } = this.#options;
    const since = from === null ? unbrokenFromNow(log, tableTopics) : (saved?.since ?? {});
    if (dataDir === undefined) return { since, rehydration: null };
    const asked = { ...options, log, dataDir, cacheBytes, since, tables: this.#tables!, wanted: this.#wanted };
    return { since, rehydration: await openRehydration(asked, signal) };
  }

  #outputOf(
    reader: SourceReader,
    epoch: number,
    saved: SourceCheckpoint | null,
    kept: Kept,
    failed: (error: unknown) => void,
  ) {
    const { plan, log, envelope, rules, rulesContext, context, maxBytes, tableTopics } = this.#options;
    const compile = (table: TableSchema) => rules.compile(plan.transform, table, rulesContext);
    const encoder = envelope.encoder({
      source: plan.name,
      version: saved?.version ?? null,
      snapshots: saved?.snapshots ?? {},
      now: context.clock.now,
      connector: plan.manifest.type,
      warn: (message) => context.log('warn', message, { source: plan.name }),
      counts: (table) => this.#countsOf(table),
      transform: plan.transform.length === 0 ? null : compile,
      ...(kept.rehydration === null ? {} : { memory: kept.rehydration }),
    });
    return new LogSourceOutput({
      ...kept,
      name: plan.name,
      epoch,
      log,
      encoder,
      clock: context.clock,
      maxBytes,
      failpoint: context.failpoint,
      ensureTopic: (topic) => ensureTopic(log, topic, tableTopics),
      acknowledge: (position) => reader.acknowledge(position),
      committed: (commit) => this.#committed(commit),
      reading: (what) => this.#reading(what),
      failed,
    });
  }

  #countsOf(table: string): RowCounts {
    const known = this.#counts.get(table);
    if (known !== undefined) return known;
    const counts = { insert: 0, update: 0, delete: 0, snapshot: 0, filtered: 0 };
    this.#counts.set(table, counts);
    return counts;
  }

  /** Only now is the source known to be as needed; a snapshot lasts until something else is read. */
  #reading(what: 'snapshot' | 'stream' | 'idle'): void {
    if (what === 'snapshot') this.#snapshot = 'begun';
    else if (what === 'stream' || this.#snapshot === 'begun') this.#snapshot = 'none';
    this.#keeper.enter(this.#snapshot === 'none' ? 'streaming' : 'snapshot');
  }

  #committed({ ends, transactions, position, commitMs }: SourceCommit): void {
    const schemas = schemasTopic(this.#options.plan.name);
    for (const end of ends) if (end.topic !== schemas) this.#rows += Number(end.endOffset - end.baseOffset);
    this.#transactions += transactions;
    this.#position = position;
    this.#lastCommitMs = commitMs ?? this.#lastCommitMs;
    const atMs = this.#options.context.clock.now();
    // A position alone is saved when nothing more is to be read.
    this.#lag = { ms: commitMs === null ? 0 : Math.max(0, atMs - commitMs), atMs };
    this.#keeper.attempts = 0;
  }
}
