/**
 * The write-ahead log's writer. Commits that arrive while an fdatasync is in flight go into the next write together: the
 * sync is the linger, there is no timer. After 100 ms without one, an empty frame tells recovery what was durable.
 */
import { TailraceError } from '../contracts/errors.ts';
import type { Clock } from '../contracts/plugin.ts';
import type { Files } from '../lib/files.ts';
import { isDiskFull } from '../lib/full-disk.ts';
import { type CommitRecord, encodeRecord } from './commit-record.ts';
import { encodeFrame } from './frame.ts';
import { WalFile } from './wal-file.ts';

const IDLE_MS = 100;
const FULL_DISK_RETRY_MS = 500;
/** Buffers in one write: more would be cut up by the system anyway (IOV_MAX). */
const MAX_BUFFERS = 1_000;
const MAX_SPARE_FILES = 3;

export interface FrameContent {
  readonly record: CommitRecord;
  readonly data: readonly Uint8Array[];
}

export interface WalCommit extends FrameContent {
  readonly sequence: number;
  /** Runs before the frame is written: puts on disk what it names, and says what the frame holds instead. */
  readonly prepare: (() => Promise<FrameContent>) | null;
  /** In order of sequence, once the frame is on disk. */
  readonly durable: (sequence: number, content: FrameContent) => void;
  readonly failed: (error: unknown) => void;
}

export interface WalOptions {
  readonly files: Files;
  readonly dir: string;
  readonly clock: Clock;
  /** The next file is begun when one reaches this size. */
  readonly fileBytes: number;
  /** First epoch and sequence to use. */
  readonly epoch: number;
  readonly sequence: number;
  readonly onFull: (full: boolean) => void;
  readonly onFailed: (error: TailraceError) => void;
}

export class Wal {
  readonly #options: WalOptions;
  readonly #queue: WalCommit[] = [];
  readonly #used: WalFile[] = [];
  readonly #spare: WalFile[] = [];
  #current: WalFile | null = null;
  #epoch: number;
  #sequence: number;
  #durable: number;
  /** Sequence up to which a frame on disk says so. */
  #vouched = 0;
  #made = 0;
  #working: Promise<void> | null = null;
  #idle: NodeJS.Timeout | undefined;
  #error: TailraceError | null = null;
  #ending = false;
  #closed = false;

  constructor(options: WalOptions) {
    this.#options = options;
    this.#epoch = options.epoch;
    this.#sequence = options.sequence;
    this.#durable = options.sequence - 1;
    this.#vouched = this.#durable;
  }

  get error(): TailraceError | null {
    return this.#error;
  }

  get nextEpoch(): number {
    return this.#epoch;
  }

  /** Gives the commit its sequence and queues it. */
  append(commit: Omit<WalCommit, 'sequence'>): void {
    if (this.#error !== null || this.#closed) {
      commit.failed(this.#error ?? new TailraceError('log.closed', 'the log is closed'));
      return;
    }
    this.#queue.push({ ...commit, sequence: this.#sequence++ });
    this.#working ??= this.#work();
  }

  /** Files that wait for a log checkpoint to be used again. */
  get usedFiles(): number {
    return this.#used.length;
  }

  /** The files of frames that are not to be written over yet, as far as they are on disk, the newest included. */
  written(): readonly { readonly name: string; readonly bytes: number }[] {
    const files = this.#current === null ? this.#used : [...this.#used, this.#current];
    return files.map(({ name, position }) => ({ name, bytes: position }));
  }

  /** Files whose frames all have sequences up to `sequence` may be written over. */
  async recycle(sequence: number): Promise<void> {
    while (this.#used.length > 0 && this.#used[0]!.lastSequence <= sequence) {
      const file = this.#used.shift()!;
      if (this.#spare.length < MAX_SPARE_FILES && file.position <= 2 * this.#options.fileBytes) this.#spare.push(file);
      else {
        await file.file.close();
        await this.#options.files.remove(`${this.#options.dir}/${file.name}`);
      }
    }
  }

  /** Resolves when all that was appended is durable or has failed. Nothing waits for room on the disk any more. */
  async drained(): Promise<void> {
    this.#ending = true;
    while (this.#working !== null) await this.#working;
  }

  async close(): Promise<void> {
    clearTimeout(this.#idle);
    await this.drained();
    this.#closed = true;
    clearTimeout(this.#idle);
    const open = [...this.#used, ...this.#spare, ...(this.#current === null ? [] : [this.#current])];
    for (const { file } of open) await file.close();
  }

  async #work(): Promise<void> {
    clearTimeout(this.#idle);
    // Commits of one turn of the event loop go together.
    await null;
    while (this.#queue.length > 0 && this.#error === null) {
      const group = this.#takeGroup();
      try {
        await this.#write(group);
      } catch (error) {
        this.#fail(error, group);
      }
    }
    this.#working = null;
    if (this.#error === null && this.#durable > this.#vouched && !this.#closed) {
      this.#idle = setTimeout(() => this.#vouch(), IDLE_MS);
      this.#idle.unref();
    }
  }

  /** An empty frame: a later flip in what it vouches for is then damage, and not taken for a torn write. */
  #vouch(): void {
    this.append({ record: {}, data: [], prepare: null, durable: () => {}, failed: () => {} });
  }

  #takeGroup(): WalCommit[] {
    let buffers = 0;
    let count = 0;
    for (const { data } of this.#queue) {
      buffers += data.length + 2;
      if (count > 0 && buffers > MAX_BUFFERS) break;
      count++;
    }
    return this.#queue.splice(0, count);
  }

  async #write(group: WalCommit[]): Promise<void> {
    let left: readonly WalCommit[] = await this.#prepared(group);
    while (left.length > 0) {
      const file = await this.whileFull(() => this.#fileFor(left[0]!));
      const { frames, taken, bytes } = this.#encode(left, file);
      await this.whileFull(() => file.file.write(frames, file.position));
      await file.file.sync();
      const done = left.slice(0, taken);
      file.position += bytes;
      file.lastSequence = done.at(-1)!.sequence;
      this.#vouched = this.#durable;
      this.#durable = file.lastSequence;
      // An empty frame needs no other to vouch for it.
      if (done.every(({ record }) => Object.keys(record).length === 0)) this.#vouched = this.#durable;
      for (const { durable, sequence, record, data } of done) durable(sequence, { record, data });
      left = left.slice(taken);
    }
  }

  async #prepared(group: readonly WalCommit[]): Promise<readonly WalCommit[]> {
    const prepared: WalCommit[] = [];
    for (const commit of group) {
      prepared.push(commit.prepare === null ? commit : { ...commit, ...(await this.whileFull(commit.prepare)) });
    }
    return prepared;
  }

  /** As many frames as the file has room for; the first always. */
  #encode(commits: readonly WalCommit[], file: WalFile): { frames: Uint8Array[]; taken: number; bytes: number } {
    const frames: Uint8Array[] = [];
    let bytes = 0;
    let taken = 0;
    for (const { sequence, record, data } of commits) {
      const frame = encodeFrame(file.seed, { sequence, durableUpTo: this.#durable }, encodeRecord(record), data);
      const size = frame.reduce((sum, { length }) => sum + length, 0);
      if (taken > 0 && file.position + bytes + size > this.#options.fileBytes) break;
      frames.push(...frame);
      bytes += size;
      taken++;
    }
    return { frames, taken, bytes };
  }

  async #fileFor({ sequence }: WalCommit): Promise<WalFile> {
    const current = this.#current;
    const { files, dir, fileBytes } = this.#options;
    if (current !== null && current.position < fileBytes) return current;
    const next = this.#spare.pop() ?? (await WalFile.create(files, dir, `${this.#epoch}-${this.#made++}.wal`));
    await next.begin({ epoch: this.#epoch++, firstSequence: sequence });
    if (current !== null) this.#used.push(current);
    this.#current = next;
    return next;
  }

  /** Disk full: appends wait, and go on by themselves when there is room; when the log closes, they fail. */
  async whileFull<T>(step: () => Promise<T>): Promise<T> {
    for (let waiting = false; ; waiting = true) {
      try {
        const result = await step();
        if (waiting) this.#options.onFull(false);
        return result;
      } catch (error) {
        if (!isDiskFull(error) || this.#ending) throw error;
        if (!waiting) this.#options.onFull(true);
        await this.#options.clock.sleep(FULL_DISK_RETRY_MS);
      }
    }
  }

  /** After a failed write or fsync the kernel may have dropped pages: nothing is written before a restart has looked. */
  #fail(cause: unknown, group: readonly WalCommit[]): void {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown';
    const full = isDiskFull(cause);
    this.#error = full
      ? new TailraceError('log.closed', 'the log was closed while the disk was full', { cause })
      : new TailraceError('log.failed', `writing the log failed (${code}); it stops until a restart`, { cause });
    for (const commit of [...group, ...this.#queue.splice(0)]) commit.failed(this.#error);
    if (!full) this.#options.onFailed(this.#error);
  }
}
