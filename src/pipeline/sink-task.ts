/**
 * Runs one sink: reads its topics, applies the rules, and delivers.
 *
 * Invariant 2: write → dead letters durable → flush → offsets committed. Never another order.
 */
import type { SinkStatus } from '../contracts/control.ts';
import type { Envelope } from '../contracts/envelope.ts';
import { classOf, TailraceError } from '../contracts/errors.ts';
import type { Log } from '../contracts/log.ts';
import type { SinkPlan } from '../contracts/plan.ts';
import type { ConnectorContext } from '../contracts/plugin.ts';
import type { RowTransform, Rules, RulesContext, StepSource } from '../contracts/rules.ts';
import type { TableSchema } from '../contracts/schema.ts';
import type { Sink, SinkPositions, SinkRecord } from '../contracts/sink.ts';
import { backoffMs } from '../lib/backoff.ts';
import { groupCheckpoint, sinkGroup } from './checkpoint-names.ts';
import { type DeadLetter, DeadLetters, rowName } from './dead-letters.ts';
import { ReadGuard } from './read-guard.ts';
import { SchemaFeed } from './schema-feed.ts';
import { type ReadRecord, SinkReader } from './sink-reader.ts';
import { mayPass, restingState, TaskStateKeeper } from './task-state.ts';

export interface SinkTaskOptions {
  readonly plan: SinkPlan;
  readonly pipeline: string;
  readonly pipelineTransform: readonly StepSource[];
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
  readonly letterEpoch: number;
  readonly reader: SinkReader;
}

export class SinkTask {
  readonly #options: SinkTaskOptions;
  readonly #keeper: TaskStateKeeper;
  readonly #letters: DeadLetters;
  readonly #schemas: SchemaFeed;
  readonly #guard: ReadGuard;
  readonly #transforms = new Map<string, RowTransform>();
  #positions: SinkPositions = [];
  #oldestMs: number | null = null;
  #records = 0;
  #attempt = 0;

  constructor(options: SinkTaskOptions) {
    const { plan, pipeline, log, envelope, context, sources } = options;
    this.#options = options;
    this.#keeper = new TaskStateKeeper(context.log, context.clock, { sink: `${pipeline}/${plan.name}` });
    this.#schemas = new SchemaFeed(log, envelope, sources);
    this.#positions = this.#committedPositions();
    this.#guard = new ReadGuard(log, this.#group(), plan.manifest.keeps === 'append');
    this.#guard.moved(this.#positions);
    this.#letters = new DeadLetters({
      log,
      envelope,
      clock: context.clock,
      pipeline,
      sink: plan.name,
      keeps: plan.manifest.keeps,
      maxPerMinute: plan.maxDeadLettersPerMinute,
    });
  }

  status(): SinkStatus {
    const { plan, log, context } = this.#options;
    let lag = 0n;
    for (const { topic, partition, next } of this.#positions) {
      const end = log.topics.get(topic)?.partitions[partition]?.endOffset ?? next;
      if (end > next) lag += end - next;
    }
    const oldest = lag === 0n ? null : this.#oldestMs;
    return {
      name: plan.name,
      type: plan.manifest.type,
      state: this.#keeper.state,
      problem: this.#keeper.problem,
      records: this.#records,
      deadLetters: this.#letters.total,
      lagRecords: Number(lag),
      lagMs: oldest === null ? 0 : Math.max(0, context.clock.now() - oldest),
    };
  }

  get hasRun(): boolean {
    return this.#keeper.hasRun;
  }

  /** Resolves when the signal aborts (null) or the sink stopped for good (the error). Never rejects. */
  async run(signal: AbortSignal): Promise<unknown> {
    while (!signal.aborted) {
      try {
        await this.#deliver(signal);
      } catch (error) {
        if (signal.aborted) break;
        if (!mayPass(error, this.#keeper.hasRun)) {
          this.#keeper.fail(restingState(error), error);
          return error;
        }
        this.#keeper.fail('retrying', error);
        const { clock, random } = this.#options.context;
        await clock.sleep(backoffMs(this.#attempt++, random), signal).catch(() => {});
      }
    }
    this.#keeper.enter('stopped');
    return null;
  }

  async #deliver(signal: AbortSignal): Promise<void> {
    const session = await this.#open();
    try {
      this.#keeper.enter('running');
      while (!signal.aborted) {
        const records = await session.reader.next();
        if (records.length === 0) await session.reader.wait(signal);
        else await this.#deliverBatch(session, records, signal);
      }
    } finally {
      await session.sink.close();
    }
  }

  async #open(): Promise<Session> {
    const { plan, pipeline, log, envelope, context, maxBytes } = this.#options;
    const epoch = await log.fence(this.#group());
    const letterEpoch = await this.#letters.fence();
    await this.#letters.load();
    const { sink, resume } = await plan.manifest.open({
      config: plan.config,
      id: `${pipeline}.${plan.name}`,
      pipeline,
      generation: 0,
      lineage: log.lineage,
      maxBytes,
      context,
    });
    // DESIGN § 3, Sink: what the target holds wins over the group's offsets, which are then a mirror for lag.
    this.#positions = resume === null ? this.#committedPositions() : this.#heldPositions(resume);
    const known = (topic: string) =>
      resume === null
        ? log.checkpoints.get(groupCheckpoint(this.#group(), topic, 0)) !== undefined
        : resume.some((position) => position.topic === topic && position.partition === 0);
    this.#guard.begin(this.#positions, ({ topic }) => !known(topic));
    const { maxRecords } = plan.batch;
    const limit = Math.min(maxBytes, plan.batch.maxBytes);
    const reader = new SinkReader(
      { log, envelope, schemas: this.#schemas, guard: this.#guard, maxRecords, maxBytes: limit },
      this.#positions,
    );
    return { sink, epoch, letterEpoch, reader };
  }

  async #deliverBatch(session: Session, records: readonly ReadRecord[], signal: AbortSignal): Promise<void> {
    const { sink, epoch, letterEpoch, reader } = session;
    const { failpoint } = this.#options.context;
    this.#oldestMs = records[0]!.raw.timestamp;
    const letters: DeadLetter[] = [];
    const passed = this.#transform(records, letters);
    const next = reader.positions();
    const batch = { records: passed.flatMap(({ outputs }) => outputs), next, epoch };
    for (const { record, error } of await sink.write(batch, signal)) {
      const original = records.find((r) => r.offset === record.offset && r.topic === record.topic)!;
      letters.push({ record: original, state: 'open', error });
    }
    failpoint('sink.after-write');
    const refused = new Set(letters.map(({ record }) => record));
    const applied = passed.map(({ record }) => record).filter((record) => !refused.has(record));
    await this.#letters.write(letters, applied, letterEpoch);
    this.#report(letters);
    await sink.flush(signal);
    failpoint('sink.after-flush');
    await this.#commit(next, epoch);
    this.#positions = next;
    this.#records += records.length;
    this.#attempt = 0;
  }

  #transform(records: readonly ReadRecord[], letters: DeadLetter[]): { record: ReadRecord; outputs: SinkRecord[] }[] {
    const passed: { record: ReadRecord; outputs: SinkRecord[] }[] = [];
    const refused = new Set<string>();
    for (const record of records) {
      const { topic, partition, offset, change } = record;
      try {
        if (record.error !== undefined) throw record.error;
        if (change === null) continue;
        if (this.#letters.holds(topic, change, refused)) {
          const error = new TailraceError('sink.rejected', 'held behind an open dead letter');
          letters.push({ record, state: 'held', error });
          continue;
        }
        const outputs = this.#compiled(change.table).apply(change);
        passed.push({ record, outputs: outputs.map((output) => ({ topic, partition, offset, change: output })) });
      } catch (error) {
        throwUnlessPoison(error);
        letters.push({ record, state: 'open', error });
        if (change !== null) refused.add(rowName(topic, change));
      }
    }
    return passed;
  }

  #compiled(table: TableSchema): RowTransform {
    const { pipelineTransform, plan, rules, rulesContext } = this.#options;
    let compiled = this.#transforms.get(table.id);
    if (compiled === undefined) {
      compiled = rules.compile([...pipelineTransform, ...plan.transform], table, rulesContext);
      this.#transforms.set(table.id, compiled);
    }
    return compiled;
  }

  async #commit(next: SinkPositions, epoch: number): Promise<void> {
    const transaction = this.#options.log.begin(this.#group(), epoch);
    const before = new Map(this.#positions.map((p) => [p.topic, p.next]));
    for (const { topic, partition, next: offset } of next) {
      if (before.get(topic) !== offset) {
        transaction.checkpoint(groupCheckpoint(this.#group(), topic, partition), String(offset));
      }
    }
    for (const [name, value] of this.#guard.checkpoints()) transaction.checkpoint(name, value);
    await transaction.commit();
    this.#guard.moved(next);
  }

  #committedPositions(): SinkPositions {
    return this.#options.topics.map((topic) => {
      const saved = this.#options.log.checkpoints.get(groupCheckpoint(this.#group(), topic, 0));
      return { topic, partition: 0, next: saved === undefined ? this.#startOf(topic) : BigInt(saved) };
    });
  }

  /** A target that was emptied gets everything again, whatever the group has committed. */
  #heldPositions(resume: SinkPositions): SinkPositions {
    return this.#options.topics.map((topic) => {
      const held = resume.find((position) => position.topic === topic && position.partition === 0);
      return { topic, partition: 0, next: held?.next ?? this.#startOf(topic) };
    });
  }

  #startOf(topic: string): bigint {
    return this.#options.log.topics.get(topic)?.partitions[0]?.startOffset ?? 0n;
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

  #group(): string {
    return sinkGroup(this.#options.pipeline, this.#options.plan.name);
  }
}

function throwUnlessPoison(error: unknown): void {
  if (classOf(error) !== 'poison') throw error;
}
