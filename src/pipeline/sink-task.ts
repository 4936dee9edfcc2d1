/**
 * Runs one sink: reads its topics, applies the rules, and delivers.
 *
 * Invariant 2: write → dead letters durable → flush → offsets committed. Never another order.
 */
import type { SinkStatus } from '../contracts/control.ts';
import type { Envelope } from '../contracts/envelope.ts';
import { TailraceError } from '../contracts/errors.ts';
import type { Log } from '../contracts/log.ts';
import type { SinkMeasures } from '../contracts/measures.ts';
import type { SinkPlan } from '../contracts/plan.ts';
import type { ConnectorContext } from '../contracts/plugin.ts';
import type { Rules, RulesContext, StepSource } from '../contracts/rules.ts';
import type { Sink, SinkPositions } from '../contracts/sink.ts';
import { replayCheckpoint, retryTopic, sinkGroup } from './checkpoint-names.ts';
import { CompiledSteps } from './compiled-steps.ts';
import { type DeadLetter, DeadLetters } from './dead-letters/letters.ts';
import { refusedLetters, sortOut } from './dead-letters/sort-out.ts';
import { LetterStore } from './dead-letters/store.ts';
import { DeliveryClock } from './delivery-clock.ts';
import { GroupPositions } from './group-positions.ts';
import { OpenSnapshots } from './open-snapshots.ts';
import { RateLimit } from './rate-limit.ts';
import { ReadGuard } from './read-guard.ts';
import { isOver, leapsOf, progressOf, readReplay } from './replay-state.ts';
import { SchemaFeed } from './schema-feed.ts';
import { type BatchReader, type ReadRecord, SinkReader } from './sink-reader.ts';
import { labelOf, storedAs } from './stored-names.ts';
import { keepAtWork, TaskStateKeeper } from './task-state.ts';
import { TransactionReader } from './transaction-reader.ts';
import { Unflushed } from './unflushed.ts';
import { verifiedStatus } from './verify/verified.ts';

export interface SinkTaskOptions {
  readonly plan: SinkPlan;
  readonly pipeline: string;
  /** What people call the pipeline. Absent: by its name. */
  readonly label?: string;
  /** Those of the pipeline that no stage runs, then those of the sink. */
  readonly steps: readonly StepSource[];
  readonly sources: readonly string[];
  /** Topics this sink reads, all of partition 0; they exist. */
  readonly topics: readonly string[];
  readonly log: Log;
  readonly envelope: Envelope;
  readonly rules: Rules;
  readonly rulesContext: RulesContext;
  readonly context: ConnectorContext;
  readonly maxBytes: number;
}

interface Session {
  readonly sink: Sink;
  readonly epoch: number;
  readonly reader: BatchReader;
  readonly rate: RateLimit | null;
  /** Its target holds the positions: the offsets of a batch may become durable while the next one is written. */
  readonly keepsPositions: boolean;
}

/** Records. */
const MIN_RATED = 100;
/** Written in one go: few enough to be gone before the garbage collector has moved them, enough to be worth a round trip. */
const PIECE_RECORDS = 2_000;

export class SinkTask {
  readonly #options: SinkTaskOptions;
  readonly #keeper: TaskStateKeeper;
  readonly #store: LetterStore;
  readonly #letters: DeadLetters;
  readonly #schemas: SchemaFeed;
  readonly #guard: ReadGuard;
  readonly #group: string;
  readonly #places: GroupPositions;
  readonly #rules: CompiledSteps;
  /** Of a transactional sink. */
  readonly #snapshots: OpenSnapshots | null;
  #positions: SinkPositions = [];
  #reader: BatchReader | null = null;
  #oldestMs: number | null = null;
  #records = 0;
  readonly #delivery = new DeliveryClock();
  #lastSuccessMs: number | null = null;
  #unflushed: Unflushed;
  /** Of the last batch that the target holds. */
  #committing: Promise<void> | null = null;
  /** Time in which it delivered what `#records` counts, ms. */
  #busyMs = 0;

  constructor(options: SinkTaskOptions) {
    const { plan, pipeline, steps, log, envelope, context, sources, topics, rules, rulesContext } = options;
    this.#options = options;
    this.#unflushed = new Unflushed(context.clock, plan.batch);
    this.#keeper = new TaskStateKeeper(context.log, context.clock, {
      sink: `${options.label ?? pipeline}/${labelOf(plan)}`,
    });
    this.#schemas = new SchemaFeed(log, envelope, sources);
    this.#group = sinkGroup(pipeline, plan.name);
    this.#places = new GroupPositions(log, this.#group, topics, retryTopic(pipeline, plan.name));
    this.#rules = new CompiledSteps(steps, rules, rulesContext);
    this.#snapshots = plan.consistency === 'transactional' ? new OpenSnapshots(log, this.#group) : null;
    this.#positions = this.#places.committed();
    const everyChange = plan.manifest.keeps === 'append' || rules.needEveryChange?.(steps) === true;
    this.#guard = new ReadGuard(log, this.#group, everyChange);
    this.#guard.moved(this.#positions);
    const names = { log, envelope, clock: context.clock, pipeline, sink: plan.name };
    this.#store = new LetterStore({ ...names, sent: () => this.#reader?.wake() });
    const usual = everyChange ? 'block_key' : 'skip';
    // A transaction with a record left aside would be a state that the source never had.
    const policy = plan.consistency === 'transactional' ? 'stop' : (plan.deadLetters ?? usual);
    this.#letters = new DeadLetters({ ...names, policy, maxPerMinute: plan.maxDeadLettersPerMinute }, this.#store);
  }

  get name(): string {
    return this.#options.plan.name;
  }

  /** Its dead letters, for whoever works them. */
  get deadLetters(): { readonly store: LetterStore; readonly letters: DeadLetters } {
    return { store: this.#store, letters: this.#letters };
  }

  /** Where it stands: what it has committed, dead letters that are tried again left out. */
  get positions(): SinkPositions {
    const { topics } = this.#options;
    return this.#positions.filter(({ topic }) => topics.includes(topic));
  }

  get group(): string {
    return this.#group;
  }

  status(): SinkStatus {
    const { plan, pipeline, log, context } = this.#options;
    const lag = this.#places.lag(this.#positions);
    const oldest = lag === 0n ? null : this.#oldestMs;
    const now = context.clock.now();
    const replay = readReplay(log.checkpoints.get(replayCheckpoint(this.#group)));
    return {
      name: labelOf(plan),
      ...storedAs(plan),
      type: plan.manifest.type,
      state: this.#keeper.state,
      problem: this.#keeper.problem,
      records: this.#records,
      deadLetters: this.#letters.waiting,
      refused: this.#letters.total,
      oldestDeadLetterMs: this.#letters.oldestMs,
      lagRecords: Number(lag),
      lagMs: oldest === null ? 0 : Math.max(0, now - oldest),
      ...(this.#snapshots?.any ? { notYetTransactional: true as const } : {}),
      ...(replay === null ? {} : { replay: progressOf(replay, this.#positions, now) }),
      ...(plan.verify === undefined ? {} : { verified: verifiedStatus(log, pipeline, plan.name) }),
    };
  }

  /** Records a second while it delivers; null: it has not delivered enough to tell. */
  get rate(): number | null {
    return this.#records < MIN_RATED || this.#busyMs === 0 ? null : (this.#records * 1_000) / this.#busyMs;
  }

  measures(): Omit<SinkMeasures, 'pipeline'> {
    const { errors, retries } = this.#keeper;
    const delivery = this.#delivery.times;
    return { sink: this.name, errors, retries, lastSuccessMs: this.#lastSuccessMs, delivery };
  }

  /** It is not at work, because somebody wants it so. */
  pause(): void {
    this.#keeper.enter('paused');
  }

  /** It will not run again: the log's cleaning need not wait for it. */
  release(): void {
    this.#guard.release();
  }

  get hasRun(): boolean {
    return this.#keeper.hasRun;
  }

  /** Resolves when the signal aborts (null) or the sink stopped for good (the error). Never rejects. */
  run(signal: AbortSignal): Promise<unknown> {
    return keepAtWork(this.#keeper, this.#options.context, signal, () => this.#deliver(signal));
  }

  async #deliver(signal: AbortSignal): Promise<void> {
    const session = await this.#open();
    const { reader, sink } = session;
    this.#reader = reader;
    this.#delivery.restart();
    try {
      this.#keeper.enter('running');
      await this.#letters.release();
      while (!signal.aborted) {
        const records = await reader.next();
        if (records.length > 0 || this.#unflushed.any || this.#endsReplay(reader.positions())) {
          await session.rate?.take(records.length, signal);
          const begun = this.#options.context.clock.monotonic();
          await this.#deliverBatch(session, records, signal);
          this.#busyMs += this.#options.context.clock.monotonic() - begun;
        } else {
          await this.#committing;
          await reader.wait(signal);
        }
      }
    } finally {
      await this.#committing?.catch(() => {});
      this.#committing = null;
      this.#reader = null;
      await sink.close();
    }
  }

  async #open(): Promise<Session> {
    const { plan, pipeline, log, context, maxBytes } = this.#options;
    const epoch = await log.fence(this.#group);
    await this.#store.load();
    const { sink, resume } = await plan.manifest.open({
      config: plan.config,
      id: `${pipeline}.${plan.name}`,
      pipeline,
      generation: this.#places.generation,
      lineage: log.lineage,
      maxBytes,
      context,
    });
    try {
      return { sink, epoch, keepsPositions: resume !== null, ...(await this.#begin(resume)) };
    } catch (error) {
      await sink.close();
      throw error;
    }
  }

  async #begin(resume: SinkPositions | null): Promise<Pick<Session, 'reader' | 'rate'>> {
    const { plan, pipeline, log, envelope, context, maxBytes } = this.#options;
    // DESIGN § 3, Sink: what the target holds wins over the group's offsets, which are then a mirror for lag.
    this.#positions = resume === null ? this.#places.committed() : this.#places.held(resume);
    const retries = retryTopic(pipeline, plan.name);
    await this.#letters.load(this.#positions.find(({ topic }) => topic === retries)?.next ?? 0n);
    const known = (topic: string) =>
      resume === null
        ? this.#places.isCommitted(topic)
        : resume.some((position) => position.topic === topic && position.partition === 0);
    this.#guard.begin(this.#positions, ({ topic }) => !known(topic));
    const replay = readReplay(log.checkpoints.get(replayCheckpoint(this.#group)));
    const perSecond = replay?.rate ?? plan.rate ?? null;
    const rate = perSecond === null ? null : new RateLimit(context.clock, perSecond);
    const maxRecords = Math.min(plan.batch.maxRecords, rate?.most ?? plan.batch.maxRecords);
    const limits = { maxRecords, maxBytes: Math.min(maxBytes, plan.batch.maxBytes) };
    const isTransactional = plan.consistency === 'transactional';
    // What ends whole is made durable at once.
    this.#unflushed = new Unflushed(context.clock, isTransactional ? { ...limits, maxRecords: 1 } : limits);
    const shared = { log, envelope, schemas: this.#schemas, guard: this.#guard, ...limits };
    const pieces = { retries, leaps: leapsOf(replay), maxRecords: Math.min(maxRecords, PIECE_RECORDS) };
    await this.#snapshots?.resume(shared, this.#places.committed(), this.#positions);
    const reader = isTransactional
      ? new TransactionReader(shared, this.#positions)
      : new SinkReader({ ...shared, ...pieces }, this.#positions);
    return { reader, rate };
  }

  async #deliverBatch(session: Session, records: readonly ReadRecord[], signal: AbortSignal): Promise<void> {
    const { sink, epoch, reader } = session;
    const { failpoint, clock } = this.#options.context;
    this.#delivery.take(records, clock.now());
    this.#oldestMs = records[0]?.raw.timestamp ?? null;
    this.#snapshots?.see(records);
    const { passed, outputs, letters } = sortOut(records, this.#letters, this.#rules);
    const next = reader.positions();
    const rejections = await sink.write({ records: outputs, next, epoch }, signal);
    if (rejections.length > 0 && this.#letters.stops) throw rejections[0]!.error;
    letters.push(...refusedLetters(records, rejections));
    failpoint('sink.after-write');
    const applied = letters.length === 0 ? passed : without(passed, letters);
    await this.#letters.write(letters, applied);
    this.#report(letters);
    this.#records += records.length;
    this.#unflushed.add(records, applied);
    // The rest of a transaction, or of a batch, comes first.
    if (!reader.endsWhole || this.#goesOn(records, next)) return;
    await sink.flush(signal);
    const retried = this.#unflushed.flushed();
    failpoint('sink.after-flush');
    this.#keeper.attempts = 0;
    this.#lastSuccessMs = clock.now();
    this.#delivery.acknowledged(this.#lastSuccessMs);
    await this.#committing;
    this.#committing = this.#commit(next, retried, epoch);
    this.#committing.catch(() => {});
    if (retried.length > 0 || !session.keepsPositions) await this.#committing;
    if (retried.length > 0) await this.#letters.release();
  }

  /** More is there to be written to the target before it makes all of it durable. */
  #goesOn(records: readonly ReadRecord[], next: SinkPositions): boolean {
    return records.length > 0 && !this.#unflushed.isFull && this.#places.lag(next) > 0n && !this.#endsReplay(next);
  }

  /** Offsets, and what has become of dead letters that were tried again, in one commit. */
  async #commit(next: SinkPositions, applied: readonly ReadRecord[], epoch: number): Promise<void> {
    const transaction = this.#options.log.begin(this.#group, epoch);
    this.#places.stage(transaction, this.#positions, next);
    for (const [name, value] of this.#guard.checkpoints()) transaction.checkpoint(name, value);
    this.#snapshots?.stage(transaction);
    if (this.#endsReplay(next)) transaction.checkpoint(replayCheckpoint(this.#group), null);
    await this.#letters.commit(transaction, applied);
    this.#guard.moved(next);
    this.#positions = next;
  }

  #endsReplay(positions: SinkPositions): boolean {
    const replay = readReplay(this.#options.log.checkpoints.get(replayCheckpoint(this.#group)));
    return replay !== null && isOver(replay, positions);
  }

  #report(letters: readonly DeadLetter[]): void {
    const first = letters[0];
    if (first === undefined) return;
    const code = first.error instanceof TailraceError ? first.error.code : 'internal.bug';
    const message = first.error instanceof TailraceError ? first.error.message : 'the record could not be decoded';
    const sink = `${this.#options.pipeline}/${this.#options.plan.name}`;
    const { topic, offset } = first.record;
    this.#options.context.log('warn', `dead letter: ${message}`, {
      sink,
      code,
      count: letters.length,
      topic,
      offset: String(offset),
    });
  }
}

function without(records: readonly ReadRecord[], letters: readonly DeadLetter[]): readonly ReadRecord[] {
  const refused = new Set(letters.map(({ record }) => record));
  return records.filter((record) => !refused.has(record));
}
