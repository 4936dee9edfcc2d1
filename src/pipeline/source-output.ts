/**
 * Groups whole source transactions into log commits. At most one commit is in flight; what arrives meanwhile joins the
 * next one, so the fsync in progress is the linger.
 *
 *   encode ──▶ │ pending (bytes) │ ──flush──▶ append · checkpoint · commit (fsync) ──▶ acknowledge
 *
 * Invariant 1: records durable and position saved in one commit, then the source is acknowledged. Never another order.
 */
import type { NewTopic, OpenSnapshots, SourceEncoder } from '../contracts/envelope.ts';
import { TailraceError } from '../contracts/errors.ts';
import type { EndOffsets, Log, LogTransaction } from '../contracts/log.ts';
import type { Clock } from '../contracts/plugin.ts';
import type { RowWriter } from '../contracts/row.ts';
import type { TableDescription, TableSchema } from '../contracts/schema.ts';
import type { Position, SourceMarker, SourceOutput, SourceTransaction } from '../contracts/source.ts';
import { gapCheckpoint, sourceCheckpoint } from './checkpoint-names.ts';
import type { Rehydration, UnbrokenSince } from './rehydrate/rehydration.ts';

/** Encoded bytes above which an open transaction is handed to the log to be staged. */
const STAGE_BYTES = 1 << 20;
/** A commit of nothing but a position: at most one in this time (Invariant 1). */
const HEARTBEAT_MS = 1_000;
/** Between two looks whether a transaction that is being written has ended. */
const SAVED_POLL_MS = 20;

export interface SourceOutputOptions {
  readonly name: string;
  readonly epoch: number;
  readonly log: Log;
  readonly encoder: SourceEncoder;
  readonly clock: Clock;
  /** Pending bytes above which `drain` waits for the disk (Invariant 10). */
  readonly maxBytes: number;
  readonly failpoint: (name: string) => void;
  /** Creates the topic if need be; throws for a table that is not captured. */
  readonly ensureTopic: (topic: NewTopic) => Promise<void>;
  readonly acknowledge: (position: Position) => void;
  readonly committed: (commit: SourceCommit) => void;
  /** The reader has begun a transaction of this kind, or has nothing to read (`idle`): it is past its set-up. */
  readonly reading: (what: SourceTransaction['kind'] | 'idle') => void;
  /** Called once when a commit failed; nothing is acknowledged afterwards. */
  readonly failed: (error: unknown) => void;
  /** Closed with the output. Null: nothing is filled in. */
  readonly rehydration: Rehydration | null;
  readonly since: UnbrokenSince;
}

/** One durable commit of a source. */
export interface SourceCommit {
  readonly ends: EndOffsets;
  /** Source transactions in it; 0 for a heartbeat. */
  readonly transactions: number;
  readonly position: Position;
  /** Commit time of the last transaction at the source, ms since 1970; null for a heartbeat. */
  readonly commitMs: number | null;
}

/** What a source's checkpoint holds. */
export interface SourceCheckpoint {
  readonly v: 1;
  readonly position: Position;
  /** Highest record version given, decimal. */
  readonly version: string;
  readonly snapshots: OpenSnapshots;
  /** Absent: of a log that was begun when none were kept. */
  readonly since?: UnbrokenSince;
}

export class LogSourceOutput implements SourceOutput {
  readonly #options: SourceOutputOptions;
  readonly #encoder: SourceEncoder;
  #open: LogTransaction | null = null;
  #inTransaction = false;
  #commitMs: number | null = null;
  #ended: Position | null = null;
  #endedTransactions = 0;
  #working: Promise<void> | null = null;
  #error: { readonly cause: unknown } | null = null;
  #lastCommit = Number.NEGATIVE_INFINITY;
  /** Begun, and of those durable. */
  #commits = 0;
  #done = 0;
  #isClosed = false;

  constructor(options: SourceOutputOptions) {
    this.#options = options;
    this.#encoder = options.encoder;
  }

  register(table: TableDescription): TableSchema {
    return this.#encoder.register(table);
  }

  writer(table: TableSchema): RowWriter {
    return this.#encoder.writer(table);
  }

  marker(marker: SourceMarker): void {
    this.#encoder.marker(marker);
  }

  begin(transaction: SourceTransaction): void {
    this.#inTransaction = true;
    this.#commitMs = Math.floor(transaction.timeUs / 1_000);
    this.#options.reading(transaction.kind);
    this.#encoder.begin(transaction);
  }

  end(position: Position): void {
    this.#encoder.end();
    this.#inTransaction = false;
    // Invariant 4: a stream position is taken only here, at the end of a source transaction.
    this.#ended = position;
    this.#endedTransactions++;
    if (this.#working === null) this.#startCommit();
  }

  heartbeat(position: Position): void {
    if (this.#inTransaction || this.#error !== null) return;
    this.#ended = position;
    this.#options.reading('idle');
    const due = this.#options.clock.monotonic() - this.#lastCommit >= HEARTBEAT_MS;
    if (due && this.#working === null) this.#startCommit();
  }

  drain(): Promise<void> | undefined {
    if (this.#error !== null) return Promise.reject(this.#error.cause);
    if (this.#options.rehydration?.needsRest === true && !this.#inTransaction) return this.#untilDurable();
    const pending = this.#encoder.pendingBytes;
    if (pending < STAGE_BYTES) return undefined;
    if (this.#working !== null) return pending < this.#options.maxBytes ? undefined : this.#afterWork();
    if (this.#inTransaction) {
      this.#work(async () => void (await this.#stage()));
      return this.#afterWork();
    }
    return undefined;
  }

  get pendingBytes(): number {
    return this.#encoder.pendingBytes;
  }

  /** Resolves when a position that is given after this call, or just before it, is durable. Rejects when that cannot be. */
  async saved(): Promise<void> {
    // A commit that goes on already has a position from before.
    const wanted = this.#commits + 1;
    const closed = new TailraceError('source.not_ready', 'the source stopped before that was saved', {
      remedy: '`tailrace status` says why; tell it again when it is at work',
    });
    while (this.#done < wanted) {
      if (this.#error !== null) throw this.#error.cause;
      if (this.#isClosed) throw closed;
      if (this.#working === null && !this.#inTransaction) this.#startCommit();
      await (this.#working ?? this.#options.clock.sleep(SAVED_POLL_MS));
    }
  }

  /** Resolves when everything ended so far is durable; an unfinished transaction is dropped. */
  async close(): Promise<void> {
    while (this.#working !== null) await this.#working;
    if (!this.#inTransaction && this.#ended !== null && this.#error === null) {
      this.#startCommit();
      await this.#working;
    }
    this.#options.rehydration?.close(this.#isDurable);
    await this.#open?.abort();
    this.#open = null;
    this.#isClosed = true;
  }

  /** Everything that was written is durable. */
  get #isDurable(): boolean {
    return !this.#inTransaction && this.#open === null && this.#encoder.pendingBytes === 0 && this.#error === null;
  }

  async #untilDurable(): Promise<void> {
    while (this.#working !== null) await this.#afterWork();
    if (this.#isDurable) this.#options.rehydration?.rest();
  }

  async #afterWork(): Promise<void> {
    await this.#working;
    if (this.#error !== null) throw this.#error.cause;
  }

  #startCommit(): void {
    const position = this.#ended;
    if (position === null || this.#error !== null) return;
    this.#ended = null;
    this.#work(() => this.#commit(position));
  }

  /** Runs one step with the log; when it is done and whole transactions wait, commits them at once. */
  #work(step: () => Promise<void>): void {
    this.#working = step()
      .catch((error: unknown) => {
        this.#error ??= { cause: error };
        this.#options.failed(error);
      })
      .finally(() => {
        this.#working = null;
        const batched = this.#encoder.pendingBytes > 0 || this.#open !== null || this.#endedTransactions > 0;
        if (this.#ended !== null && !this.#inTransaction && batched) this.#startCommit();
      });
  }

  async #stage(): Promise<LogTransaction> {
    const { log, name, epoch, ensureTopic } = this.#options;
    const topics = this.#encoder.newTopics();
    const batches = this.#encoder.take();
    for (const topic of topics) await ensureTopic(topic);
    this.#open ??= log.begin(sourceCheckpoint(name), epoch);
    for (const batch of batches) await this.#open.append(batch.topic, batch.partition, batch.bytes);
    return this.#open;
  }

  async #commit(position: Position): Promise<void> {
    const { name, clock, failpoint } = this.#options;
    const transactions = this.#endedTransactions;
    const number = ++this.#commits;
    const commitMs = transactions > 0 ? this.#commitMs : null;
    const version = this.#encoder.version();
    const snapshots = this.#encoder.openSnapshots();
    this.#endedTransactions = 0;
    this.#lastCommit = clock.monotonic();
    const transaction = await this.#stageForCommit();
    const checkpoint: SourceCheckpoint = { v: 1, position, version, snapshots, since: this.#options.since };
    transaction.checkpoint(sourceCheckpoint(name), JSON.stringify(checkpoint));
    transaction.checkpoint(gapCheckpoint('source', name), null);
    failpoint('source.before-commit');
    const ends = await transaction.commit();
    this.#done = number;
    failpoint('source.after-commit');
    this.#options.rehydration?.committed(ends);
    if (this.#isDurable) this.#options.rehydration?.rest();
    this.#options.acknowledge(position);
    this.#options.committed({ ends, transactions, position, commitMs });
  }

  async #stageForCommit(): Promise<LogTransaction> {
    const staged = await this.#stage();
    if (staged !== this.#open) throw new TailraceError('internal.bug', 'two log transactions open in one source');
    this.#open = null;
    return staged;
  }
}
