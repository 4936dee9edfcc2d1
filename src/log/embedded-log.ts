/** The embedded log on one disk (DESIGN § 5). Parts: wal, segments behind partitions, flusher, recovery. */
import { join } from 'node:path';
import { TailraceError } from '../contracts/errors.ts';
import type {
  Checkpoints,
  Lineage,
  Log,
  LogTransaction,
  ReadMemory,
  StoredBatch,
  TopicPartition,
  Topics,
} from '../contracts/log.ts';
import type { LogAdmin } from '../contracts/log-admin.ts';
import type { CopyReport, Progress } from '../contracts/log-tools.ts';
import type { Clock, Logger } from '../contracts/plugin.ts';
import { diskFiles, type Files } from '../lib/files.ts';
import { recycleBatch } from '../wire/record-batch.ts';
import { Background, type BackgroundSettings } from './background.ts';
import { backUp } from './backup.ts';
import { Ballast } from './ballast.ts';
import type { CleanRequest } from './cleaner.ts';
import type { CommitRecord } from './commit-record.ts';
import { asDirectoryError, type DataPaths, openDirectory } from './data-directory.ts';
import { DIRECT_BYTES, isHeldUp, writeDirect } from './direct-write.ts';
import { Flusher, flushState } from './flusher.ts';
import { defaultHoldLimit, type HoldLimit, HoldTable } from './holds.ts';
import { newLineageId, newTopicId } from './ids.ts';
import { LeaderEpochs } from './leader-epochs.ts';
import type { Lock } from './lock.ts';
import type { Partition } from './partition.ts';
import { RecordDeletion } from './record-deletion.ts';
import { recover } from './recovery.ts';
import type { Damage } from './scrubber.ts';
import { StagedFile } from './staged-file.ts';
import type { LogState } from './state.ts';
import { ReadBatch } from './stored-batch.ts';
import { removeStrayFiles } from './stray-files.ts';
import { TimeLookup } from './time-lookup.ts';
import { verifyLog } from './tools/verify.ts';
import { TopicChanges } from './topic-changes.ts';
import { noSuchTopic } from './topic-state.ts';
import { Transaction, type TransactionLog } from './transaction.ts';
import { Waiters } from './waiters.ts';
import { type FrameContent, Wal } from './wal.ts';

export interface OpenLogOptions extends BackgroundSettings {
  /** Made, with mode 0700, when it does not exist. */
  readonly dir: string;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
  /** For fault tests. */
  readonly files?: Files;
  /** Bytes outside of segments that start a log checkpoint. */
  readonly flushBytes?: number;
  readonly segmentBytes?: number;
  /** Batches of a transaction in memory above which they are staged on disk. */
  readonly stageBytes?: number;
  /** Bytes of one partition in one commit that go straight to its segment. */
  readonly directBytes?: number;
  readonly walFileBytes?: number;
  /** Room on the disk that is kept for checkpoints when it is full; 0: none. */
  readonly ballastBytes?: number;
}

export interface EmbeddedLog extends Log {
  readonly admin: LogAdmin;
  /** Deletes and compacts now what is due, and what is asked for. Resolves when it is done. */
  clean(request?: CleanRequest): Promise<void>;
  /** Checks everything that is stored, as fast as the disk gives it. Resolves to all damage found since the log was opened. */
  scrub(): Promise<readonly Damage[]>;
  /**
   * Copies the log, as it is at one moment of the call, into a directory that appears when the copy is whole, durable and can
   * be read. Commits go on. Throws `log.unwritable`; when the signal aborts or the log closes, nothing is left.
   */
  backup(target: string, progress: Progress, signal: AbortSignal): Promise<CopyReport>;
  /** Resolves when everything is on disk and the lock is free. Twice without error. */
  close(): Promise<void>;
  /** Resolves with the error when the log has failed for good; never otherwise. */
  readonly failed: Promise<unknown>;
}

const FLUSH_BYTES = 8 << 20;
const STAGE_BYTES = 16 << 20;
export const SEGMENT_BYTES = 128 << 20;
const WAL_FILE_BYTES = 32 << 20;
/** As much as a checkpoint may have to move. */
const BALLAST_BYTES = 4 * FLUSH_BYTES;

/** Throws `log.locked`, `log.unwritable`, `log.newer_format`, `log.damaged`. */
export async function openLog(options: OpenLogOptions): Promise<EmbeddedLog> {
  const files = options.files ?? diskFiles;
  const { paths, lock } = await openDirectory(options.dir, files);
  try {
    const { state, nextEpoch, walNames } = await recover(
      paths,
      files,
      options.segmentBytes ?? SEGMENT_BYTES,
      options.log,
    );
    state.giveIds(() => newTopicId(options.random));
    // Into segments and a snapshot, durably, before anything is served or written: the old files may then go.
    const ballast = new Ballast(files, paths.ballast, options.ballastBytes ?? BALLAST_BYTES);
    await ballast.spend(() => flushState({ state, files, paths }, nextEpoch));
    for (const name of walNames) await files.remove(join(paths.wal, name));
    for (const name of await files.list(paths.staged)) await files.remove(join(paths.staged, name));
    await removeStrayFiles(state, files, paths.topics);
    const holdLimit = { ...(await defaultHoldLimit(paths.root)), ...options.holdLimit };
    const log = new DiskLog({ ...options, holdLimit }, { files, paths, lock, ballast }, state, nextEpoch);
    await log.open();
    return log;
  } catch (error) {
    lock.release();
    throw asDirectoryError(error, options.dir);
  }
}

/** What an open data directory comes with. */
interface Directory {
  readonly files: Files;
  readonly paths: DataPaths;
  readonly lock: Lock;
  readonly ballast: Ballast;
}

class DiskLog implements EmbeddedLog, TransactionLog {
  readonly topics: Topics;
  readonly checkpoints: Checkpoints;
  readonly lineage: Lineage;
  readonly holds = new HoldTable();
  readonly admin: LogAdmin;
  readonly failed: Promise<unknown>;
  readonly stageBytes: number;
  readonly #options: OpenLogOptions;
  readonly #files: Files;
  readonly #paths: DataPaths;
  readonly #lock: Lock;
  readonly #ballast: Ballast;
  readonly #state: LogState;
  readonly #wal: Wal;
  readonly #flusher: Flusher;
  readonly #background: Background;
  readonly #topicChanges: TopicChanges;
  readonly #waiters = new Waiters();
  /** Uncommitted transaction of each writer. */
  readonly #writers = new Map<string, Transaction>();
  /** Epochs and ends as of the last queued commit; the state has those of the last durable one. */
  readonly #epochs = new Map<string, number>();
  readonly #ends = new WeakMap<Partition, bigint>();
  #stagedFiles = 0;
  readonly #ending = new AbortController();
  #backup: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | null = null;

  constructor(
    options: OpenLogOptions & { readonly holdLimit: HoldLimit },
    { files, paths, lock, ballast }: Directory,
    state: LogState,
    epoch: number,
  ) {
    const { clock, log, stageBytes = STAGE_BYTES } = options;
    this.#options = options;
    this.stageBytes = stageBytes;
    this.#files = files;
    this.#paths = paths;
    this.#lock = lock;
    this.#ballast = ballast;
    this.#state = state;
    const { promise: failed, resolve } = Promise.withResolvers<unknown>();
    this.failed = failed;
    const onFailed = (error: TailraceError) => {
      this.#waiters.end(error);
      resolve(error);
    };
    const onFull = (full: boolean) =>
      log(full ? 'error' : 'info', full ? 'the disk is full: the log waits' : 'the log goes on', { dir: paths.root });
    const fileBytes = options.walFileBytes ?? WAL_FILE_BYTES;
    const sequence = state.sequence + 1;
    this.#wal = new Wal({ files, dir: paths.wal, clock, fileBytes, epoch, sequence, onFull, onFailed });
    const flushBytes = options.flushBytes ?? FLUSH_BYTES;
    this.#flusher = new Flusher({ state, wal: this.#wal, files, paths, ballast, clock, log, flushBytes });
    this.checkpoints = state;
    this.lineage = state;
    const segmentBytes = options.segmentBytes ?? SEGMENT_BYTES;
    this.#background = new Background(options, {
      state,
      flusher: this.#flusher,
      ballast,
      holds: this.holds,
      segmentBytes,
    });
    const append = (record: CommitRecord) => this.#append(record, [], null, null);
    this.#topicChanges = new TopicChanges({ state, random: options.random, append });
    this.admin = {
      topics: this.#topicChanges,
      times: new TimeLookup(state),
      retention: new RecordDeletion((topic, number) => this.requireTopic(topic, number), append),
      epochs: new LeaderEpochs(state),
    };
    this.topics = {
      ensure: (name, settings) => this.#topicChanges.ensure(name, settings),
      get: (name) => state.topic(name),
      list: () => state.topicList(),
    };
  }

  /** Adds this opening to the lineage. */
  open(): Promise<void> {
    const { nextLeaderEpoch } = this.#state;
    return this.#append({ opened: newLineageId(this.#options.random), leaderEpoch: nextLeaderEpoch }, [], null, null);
  }

  begin(name: string, epoch: number): LogTransaction {
    const transaction = new Transaction(this, name, epoch);
    // One that was replaced finds out at its commit, and stands in nobody's way.
    if (epoch < this.#epoch(name)) return transaction;
    if (this.#writers.has(name)) throw new TailraceError('internal.bug', `${name} has a transaction open already`);
    this.#writers.set(name, transaction);
    return transaction;
  }

  async fence(name: string): Promise<number> {
    const epoch = this.#epoch(name) + 1;
    this.#epochs.set(name, epoch);
    this.#writers.delete(name);
    await this.#append({ fences: { [name]: epoch } }, [], null, null);
    return epoch;
  }

  async read(
    topic: string,
    partition: number,
    offset: bigint,
    maxBytes: number,
    memory?: ReadMemory,
  ): Promise<readonly StoredBatch[]> {
    const at = this.#state.partition(topic, partition);
    try {
      const batches = await at.read(offset, maxBytes, memory);
      return batches.map((batch) => new ReadBatch(batch));
    } catch (error) {
      // Its files went while they were read.
      throw at.dropped ? noSuchTopic(topic) : error;
    }
  }

  async waitFor(
    positions: readonly (TopicPartition & { readonly offset: bigint })[],
    signal: AbortSignal,
  ): Promise<void> {
    return this.#waiters.wait(
      positions.map((position) => ({ ...position, at: this.#state.partition(position.topic, position.partition) })),
      signal,
    );
  }

  clean(request?: CleanRequest): Promise<void> {
    return this.#background.clean(request);
  }

  scrub(): Promise<readonly Damage[]> {
    return this.#background.scrub();
  }

  /** One after the other. */
  backup(target: string, progress: Progress, signal: AbortSignal): Promise<CopyReport> {
    const parts = { state: this.#state, wal: this.#wal, flusher: this.#flusher, paths: this.#paths };
    const either = AbortSignal.any([signal, this.#ending.signal]);
    const verify = (dir: string) => verifyLog(dir, () => {});
    const backup = this.#backup.then(() => backUp(parts, target, progress, verify, either));
    this.#backup = backup.catch(() => {});
    return backup;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  get leaderEpoch(): number {
    return this.#state.leaderEpoch;
  }

  requireTopic(topic: string, partition: number): Partition {
    if (this.#topicChanges.isDeleting(topic)) throw noSuchTopic(topic);
    return this.#state.partition(topic, partition);
  }

  nextOffset(at: Partition): bigint {
    return this.#ends.get(at) ?? at.end;
  }

  assign(at: Partition, count: bigint): bigint {
    const base = this.nextOffset(at);
    this.#ends.set(at, base + count);
    return base;
  }

  checkWriter(name: string, epoch: number): void {
    if (this.#wal.error !== null) throw this.#wal.error;
    if (this.#closing !== null) throw new TailraceError('log.closed', 'the log is closed');
    const current = this.#epoch(name);
    if (epoch >= current) return;
    throw new TailraceError('log.fenced', `the writer ${name} of epoch ${epoch} was replaced by epoch ${current}`);
  }

  whileFull<T>(step: () => Promise<T>): Promise<T> {
    return this.#wal.whileFull(step);
  }

  createStaged(): Promise<StagedFile> {
    return StagedFile.create(this.#files, this.#paths.staged, `${this.#wal.nextEpoch}-${this.#stagedFiles++}`);
  }

  commit(record: CommitRecord, data: readonly Uint8Array[], staged: StagedFile | null): Promise<void> {
    const content = { record, data };
    if (staged !== null) return this.#append(record, data, staged, () => staged.sync().then(() => content));
    const bytes = data.reduce((sum, { length }) => sum + length, 0);
    const { directBytes = DIRECT_BYTES } = this.#options;
    let wantsCheckpoint = bytes >= 2 * directBytes;
    const direct = async () => {
      // A checkpoint costs less than writing so much twice. One that fails is tried again by the flusher, not here.
      if (wantsCheckpoint && isHeldUp(this.#state, record)) {
        wantsCheckpoint = false;
        await this.#flusher.checkpoint().catch(() => {});
      }
      const written = await writeDirect(this.#state, content, directBytes);
      // On disk and never visible from memory. Not before all are written: a full disk repeats this with all of them.
      for (const batch of data) if (!written.data.includes(batch)) recycleBatch(batch);
      return written;
    };
    return this.#append(record, data, null, bytes < directBytes ? null : direct);
  }

  room(): Promise<void> | undefined {
    return this.#flusher.room();
  }

  ended(name: string, transaction: Transaction): void {
    if (this.#writers.get(name) === transaction) this.#writers.delete(name);
  }

  #epoch(name: string): number {
    return this.#epochs.get(name) ?? this.#state.fences.get(name) ?? 0;
  }

  /** Invariants 3 and 8: the frame is on disk as a whole, then all that it says becomes visible at once. */
  #append(
    record: CommitRecord,
    data: readonly Uint8Array[],
    staged: StagedFile | null,
    prepare: (() => Promise<FrameContent>) | null,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const durable = (sequence: number, content: FrameContent) => {
        const changed = this.#state.apply(sequence, content.record, content.data, staged);
        resolve();
        this.#waiters.changed(changed);
        this.#flusher.onCommit();
      };
      this.#wal.append({ record, data, prepare, durable, failed: reject });
    });
  }

  async #close(): Promise<void> {
    this.#waiters.end(new TailraceError('log.closed', 'the log is closed'));
    this.#ending.abort(new TailraceError('log.closed', 'the log is closed'));
    await Promise.all([this.#background.stop(), this.#backup]);
    await this.#wal.drained();
    try {
      if (this.#wal.error === null) await this.#flusher.finish();
    } catch (error) {
      // Everything is in the write-ahead log: the next start does it.
      this.#options.log('warn', 'the log was closed without a checkpoint', {
        cause: (error as NodeJS.ErrnoException).code ?? (error as Error).name,
      });
    } finally {
      await this.#wal.close();
      await this.#ballast.close();
      for (const transaction of this.#writers.values()) await transaction.release();
      for (const partition of this.#state.partitions()) await partition.close();
      for (const staged of [...this.#state.staged, ...this.#state.moved]) await staged.close();
      this.#lock.release();
    }
  }
}
