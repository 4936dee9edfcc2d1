/**
 * Runs the stage of a pipeline: reads the topics of its sources in the order of their versions, applies the steps that look at
 * other rows, and writes what the sinks read. What it keeps of other rows stands in a store beside the log, which follows it
 * and is never ahead of it (catch-up.ts).
 */
import type { StageStatus } from '../../contracts/control.ts';
import type { Envelope } from '../../contracts/envelope.ts';
import type { Log } from '../../contracts/log.ts';
import type { PipelinePlan } from '../../contracts/plan.ts';
import type { ConnectorContext } from '../../contracts/plugin.ts';
import type { Rules, RulesContext } from '../../contracts/rules.ts';
import type { TableSchema } from '../../contracts/schema.ts';
import type { SinkPositions } from '../../contracts/sink.ts';
import { stageCheckpoint } from '../checkpoint-names.ts';
import { removeDerived } from '../derived-database.ts';
import { ReadGuard } from '../read-guard.ts';
import { SchemaFeed } from '../schema-feed.ts';
import type { ReadRecord } from '../sink-reader.ts';
import { keepAtWork, TaskStateKeeper } from '../task-state.ts';
import { TransactionReader } from '../transaction-reader.ts';
import { catchUp, coverOf, setCover } from './catch-up.ts';
import { Chain, REFRESH_BEGIN, type RefreshPlace } from './chain.ts';
import { judgeHistory } from './judge-history.ts';
import { StageOutput } from './stage-output.ts';
import { readFrom, stagedSteps } from './stage-plan.ts';
import { positionsOf, readStage, stepsHash } from './stage-state.ts';
import { StageStore, stageStorePath } from './stage-store.ts';

const MAX_RECORDS = 1_000;
/** Between two transactions of the store. */
const KEEP_MS = 1_000;
/** More are worth a line in the log. */
const MANY_RECORDS = 10_000;

export interface StageTaskOptions {
  readonly pipeline: PipelinePlan;
  readonly log: Log;
  readonly envelope: Envelope;
  readonly rules: Rules;
  readonly rulesContext: RulesContext;
  readonly context: ConnectorContext;
  readonly dataDir: string;
  /** Topics of all tables of the sources; they exist. */
  readonly topics: readonly string[];
  /** See `ChainOptions`. */
  readonly described: (name: string) => TableSchema | null;
  /** Half of it for what is read, half for what is kept. */
  readonly maxBytes: number;
}

interface Session {
  readonly store: StageStore;
  readonly chain: Chain;
  readonly output: StageOutput;
}

export class StageTask {
  readonly #options: StageTaskOptions;
  readonly #keeper: TaskStateKeeper;
  readonly #schemas: SchemaFeed;
  readonly #guard: ReadGuard;
  readonly #steps: string;
  #positions: SinkPositions;
  #oldestMs: number | null = null;
  #records = 0;
  #sent = 0;
  #repeats = 0;
  #keptMs = 0;

  constructor(options: StageTaskOptions) {
    const { pipeline, log, envelope, context } = options;
    this.#options = options;
    this.#keeper = new TaskStateKeeper(context.log, context.clock, { stage: pipeline.name });
    const sources = pipeline.sources.map(({ name }) => name);
    this.#schemas = new SchemaFeed(log, envelope, sources);
    this.#steps = stepsHash(stagedSteps(pipeline));
    this.#positions = this.#saved();
    this.#guard = new ReadGuard(log, stageCheckpoint(pipeline.name), false);
    this.#guard.moved(this.#positions);
  }

  get name(): string {
    return this.#options.pipeline.name;
  }

  /** Of its hold on the log, and of what pauses it. */
  get group(): string {
    return stageCheckpoint(this.name);
  }

  get hasRun(): boolean {
    return this.#keeper.hasRun;
  }

  status(): StageStatus {
    const { log, context } = this.#options;
    const { state, problem, errors, retries } = this.#keeper;
    const lag = this.#positions.reduce((sum, { topic, next }) => {
      const end = log.topics.get(topic)?.partitions[0]?.endOffset ?? next;
      return sum + (end > next ? end - next : 0n);
    }, 0n);
    const oldest = lag === 0n ? null : this.#oldestMs;
    return {
      state,
      problem,
      records: this.#records,
      sent: this.#sent,
      repeats: this.#repeats,
      errors,
      retries,
      lagRecords: Number(lag),
      lagMs: oldest === null ? 0 : Math.max(0, context.clock.now() - oldest),
    };
  }

  /** It is not at work, because somebody wants it so. */
  pause(): void {
    this.#keeper.enter('paused');
  }

  /** It will not run again: the log's cleaning need not wait for it. */
  release(): void {
    this.#guard.release();
  }

  /** Resolves when the signal aborts (null) or the stage stopped for good (the error). Never rejects. */
  run(signal: AbortSignal): Promise<unknown> {
    return keepAtWork(this.#keeper, this.#options.context, signal, () => this.#work(signal));
  }

  async #work(signal: AbortSignal): Promise<void> {
    const { log } = this.#options;
    const epoch = await log.fence(stageCheckpoint(this.name));
    const { store, chain } = await this.#openStore(signal);
    let output: StageOutput | null = null;
    try {
      output = this.#outputOf(epoch);
      const session = { store, chain, output };
      await this.#refresh(session, signal);
      await this.#read(session, signal);
    } finally {
      await output?.close();
      store.close();
    }
  }

  /** Followed up to where the stage stands. */
  async #openStore(signal: AbortSignal): Promise<Pick<Session, 'store' | 'chain'>> {
    const { pipeline, log, envelope, rules, rulesContext, context, dataDir, described } = this.#options;
    const path = stageStorePath(dataDir, pipeline.name);
    const positions = readStage(log, pipeline.name)?.positions ?? {};
    let store = StageStore.open(path, this.#options.maxBytes >> 1);
    try {
      let cover = coverOf(store, log, this.#steps, positions);
      if (cover === null) {
        store.close();
        removeDerived(path);
        store = StageStore.open(path, this.#options.maxBytes >> 1);
        cover = {};
      }
      judgeHistory(this.#options, cover);
      const makeRow = envelope.row;
      const chain = new Chain({ steps: stagedSteps(pipeline), rules, rulesContext, store, makeRow, described });
      const shared = { log, envelope, schemas: this.#schemas, store, chain };
      await this.#schemas.catchUp();
      const records = await catchUp({ ...shared, steps: this.#steps, positions, cover }, signal);
      chain.forgetRepeats();
      if (records > MANY_RECORDS) context.log('info', 'has taken rows from the log', { stage: this.name, records });
      return { store, chain };
    } catch (error) {
      store.close();
      throw error;
    }
  }

  #outputOf(epoch: number): StageOutput {
    const { pipeline, log, envelope, context } = this.#options;
    return new StageOutput({
      pipeline: pipeline.name,
      log,
      epoch,
      envelope,
      saved: readStage(log, pipeline.name),
      now: context.clock.now,
      of: (source) => ({
        topics: readFrom(pipeline, source),
        connector: pipeline.sources.find(({ name }) => name === source)?.manifest.type ?? '',
      }),
    });
  }

  /** With other steps than before, all rows that it keeps are sent again as they are now. */
  async #refresh(session: Session, signal: AbortSignal): Promise<void> {
    const saved = readStage(this.#options.log, this.name);
    this.#positions = this.#saved();
    if (saved === null) return;
    let place = saved.steps === this.#steps ? saved.refresh : REFRESH_BEGIN;
    while (place !== null) {
      signal.throwIfAborted();
      const step = session.chain.refresh(place);
      if (step !== null) await session.output.write(step.changes);
      place = step === null ? null : step.next;
      await this.#commit(session, this.#positions, place);
    }
  }

  async #read(session: Session, signal: AbortSignal): Promise<void> {
    const { log, envelope, maxBytes, context } = this.#options;
    const saved = readStage(log, this.name)?.positions ?? {};
    this.#guard.begin(this.#positions, ({ topic }) => saved[topic] === undefined);
    const limits = { maxRecords: MAX_RECORDS, maxBytes: maxBytes >> 1 };
    const options = { log, envelope, schemas: this.#schemas, guard: this.#guard, ...limits };
    const reader = new TransactionReader(options, this.#positions);
    this.#keeper.enter('running');
    while (!signal.aborted) {
      const records = await reader.next();
      if (records.length === 0) {
        this.#keep(session, 0);
        await reader.wait(signal);
        continue;
      }
      this.#oldestMs = records[0]!.raw.timestamp;
      for (const record of records) await this.#take(session, record);
      await this.#commit(session, reader.positions(), null);
      this.#records += records.length;
      this.#keeper.attempts = 0;
      this.#keep(session, KEEP_MS);
      context.failpoint('stage.after-batch');
    }
    this.#keep(session, 0);
  }

  /** Invariant 5: a record that cannot be read, or that the steps refuse, is not passed over. */
  async #take({ chain, output }: Session, { change, error }: ReadRecord): Promise<void> {
    if (error !== undefined) throw error;
    if (change !== null) await output.write(chain.apply(change));
  }

  async #commit(session: Session, positions: SinkPositions, refresh: RefreshPlace | null): Promise<void> {
    const { output, chain } = session;
    const state = { steps: this.#steps, positions: positionsOf(positions), refresh };
    await output.commit(state, this.#guard.checkpoints(), this.#options.context.failpoint);
    this.#sent += output.records;
    this.#repeats += chain.repeats;
    chain.forgetRepeats();
    output.records = 0;
    this.#positions = positions;
    this.#guard.moved(positions);
  }

  /** Only what is durable in the log. */
  #keep({ store }: Session, afterMs: number): void {
    const { log, context } = this.#options;
    const now = context.clock.monotonic();
    if (now - this.#keptMs < afterMs) return;
    this.#keptMs = now;
    setCover(store, log, { steps: this.#steps, positions: positionsOf(this.#positions) });
    context.failpoint('stage.before-keep');
    store.commit();
    context.failpoint('stage.after-keep');
  }

  #saved(): SinkPositions {
    const { log, topics, pipeline } = this.#options;
    const saved = readStage(log, pipeline.name)?.positions ?? {};
    return topics.map((topic) => {
      const start = log.topics.get(topic)?.partitions[0]?.startOffset ?? 0n;
      return { topic, partition: 0, next: saved[topic] === undefined ? start : BigInt(saved[topic]) };
    });
  }
}
