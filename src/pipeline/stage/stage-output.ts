/**
 * What a stage writes: changes of any source into its topics, each with a new version, and with them in one commit of the log
 * (Invariant 3) how far it has read. So what was read is written exactly once.
 */
import type { Envelope, SourceEncoder } from '../../contracts/envelope.ts';
import type { Log, LogTransaction } from '../../contracts/log.ts';
import type { Change } from '../../contracts/row.ts';
import { stageCheckpoint } from '../checkpoint-names.ts';
import type { StageState } from './stage-state.ts';

/** Invariant 10: encoded and not yet handed to the log. */
const STAGE_BYTES = 1 << 20;

export interface StageOutputOptions {
  readonly pipeline: string;
  readonly log: Log;
  readonly epoch: number;
  readonly envelope: Envelope;
  readonly saved: StageState | null;
  /** ms since 1970. */
  readonly now: () => number;
  /** Of a source: what the names of its topics begin with, and its type. */
  readonly of: (source: string) => { readonly topics: string; readonly connector: string };
}

interface Writer {
  readonly encoder: SourceEncoder;
  /** What the changes of the open transaction have in common; null: none is open. */
  open: string | null;
}

export class StageOutput {
  readonly #options: StageOutputOptions;
  readonly #writers = new Map<string, Writer>();
  #transaction: LogTransaction | null = null;
  records = 0;

  constructor(options: StageOutputOptions) {
    this.#options = options;
    for (const source of Object.keys(options.saved?.sources ?? {})) this.#writer(source);
  }

  async write(changes: Iterable<Change>): Promise<void> {
    for (const change of changes) {
      const writer = this.#writer(change.table.source);
      begin(writer, change);
      writer.encoder.write(change);
      this.records++;
      if (writer.encoder.pendingBytes >= STAGE_BYTES) await this.#stage();
    }
  }

  async commit(
    state: Omit<StageState, 'v' | 'sources'>,
    more: Iterable<readonly [string, string]>,
    failpoint: (name: string) => void,
  ): Promise<void> {
    for (const writer of this.#writers.values()) end(writer);
    const transaction = await this.#stage();
    const sources = [...this.#writers].map(([source, { encoder }]) => {
      return [source, { version: encoder.version(), snapshots: encoder.openSnapshots() }] as const;
    });
    const saved: StageState = { v: 1, ...state, sources: Object.fromEntries(sources) };
    transaction.checkpoint(stageCheckpoint(this.#options.pipeline), JSON.stringify(saved));
    for (const [name, value] of more) transaction.checkpoint(name, value);
    failpoint('stage.before-commit');
    await transaction.commit();
    this.#transaction = null;
    failpoint('stage.after-commit');
  }

  async close(): Promise<void> {
    await this.#transaction?.abort();
    this.#transaction = null;
  }

  async #stage(): Promise<LogTransaction> {
    const { log, pipeline, epoch } = this.#options;
    this.#transaction ??= log.begin(stageCheckpoint(pipeline), epoch);
    for (const { encoder } of this.#writers.values()) {
      const topics = encoder.newTopics();
      const batches = encoder.take();
      for (const { name } of topics) await log.topics.ensure(name, { partitions: 1, cleanup: 'compact' });
      for (const { topic, partition, bytes } of batches) await this.#transaction.append(topic, partition, bytes);
    }
    return this.#transaction;
  }

  #writer(source: string): Writer {
    const known = this.#writers.get(source);
    if (known !== undefined) return known;
    const { envelope, saved, now, of } = this.#options;
    const { version = null, snapshots = {} } = saved?.sources[source] ?? {};
    const encoder = envelope.encoder({ source, ...of(source), version, snapshots, now, transform: null });
    const made: Writer = { encoder, open: null };
    this.#writers.set(source, made);
    return made;
  }
}

function begin(writer: Writer, { transaction, timeUs, position }: Change): void {
  const of = `${timeUs} ${position} ${transaction}`;
  if (writer.open === of) return;
  end(writer);
  writer.encoder.begin({ id: transaction, kind: transaction === '' ? 'snapshot' : 'stream', timeUs, position });
  writer.open = of;
}

function end(writer: Writer): void {
  if (writer.open !== null) writer.encoder.end();
  writer.open = null;
}
