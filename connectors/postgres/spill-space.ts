/**
 * Room for transactions that still run at the source: in memory while they are small, on disk beyond (Invariant 10). What is
 * here is never needed again: after a restart the server sends those transactions anew. So nothing is synced, and what is
 * found at the start is removed.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Files } from '../../src/lib/files.ts';
import { isDiskFull } from '../../src/lib/full-disk.ts';
import { type Clock, type Logger, type SourceWarning, TailraceError } from '../../src/sdk/index.ts';
import { SpillFile } from './spill-file.ts';

/** Records are written together from this size on. */
const BLOCK_BYTES = 256 * 1024;
const FIRST_BYTES = 4 * 1024;
/** Of all transactions together; beyond, the largest goes to disk. */
const MEMORY_BYTES = 8 << 20;
const RETRY_MS = 500;
/** Before each record. */
const LENGTH_BYTES = 4;
const DISK_FULL = {
  message:
    'the disk of the data directory is full: transactions that still run at the source wait for room, and so does all that follows',
  remedy: 'make room on the disk; reading goes on by itself',
};

export type TakeRecord = (buf: Buffer, from: number, to: number) => Promise<void> | undefined;

export interface SpillSpaceOptions {
  /** A directory that is this space's alone. */
  readonly dir: string;
  readonly files: Files;
  readonly clock: Clock;
  /** Ends what waits for room on the disk. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  readonly blockBytes?: number;
  readonly memoryBytes?: number;
}

export class SpillSpace {
  readonly #options: SpillSpaceOptions;
  readonly #key = randomBytes(32);
  readonly #spills = new Set<Spill>();
  #blocks = 0;
  #files = 0;
  #held = 0;
  #fullSince: number | null = null;
  #working: Promise<unknown> = Promise.resolve();

  private constructor(options: SpillSpaceOptions) {
    this.#options = options;
  }

  /** Removes what an earlier process has left. Throws `source.spill`. */
  static async open(options: SpillSpaceOptions): Promise<SpillSpace> {
    const space = new SpillSpace(options);
    await space.#emptied();
    return space;
  }

  /** The disk is full: whatever has to be written waits. */
  get warnings(): readonly SourceWarning[] {
    return this.#fullSince === null ? [] : [{ ...DISK_FULL, since: this.#fullSince }];
  }

  get blockBytes(): number {
    return this.#options.blockBytes ?? BLOCK_BYTES;
  }

  create(): Spill {
    const spill = new Spill(this);
    this.#spills.add(spill);
    return spill;
  }

  /** The memory of a spill has grown, or shrunk; a promise: something goes to disk first. */
  hold(bytes: number): Promise<void> | undefined {
    this.#held += bytes;
    if (this.#held <= (this.#options.memoryBytes ?? MEMORY_BYTES)) return undefined;
    let largest: Spill | null = null;
    for (const spill of this.#spills) if (spill.held > (largest?.held ?? 0)) largest = spill;
    return largest?.toDisk();
  }

  makeFile(): Promise<SpillFile> {
    const { files, dir } = this.#options;
    const key = this.#key;
    const nextNumber = () => this.#blocks++;
    return this.onDisk(async () => {
      // Another name each time: an attempt that failed may have left its file.
      await files.makeDirectory(dir);
      const path = join(dir, `${this.#files++}.spill`);
      const file = await files.open(path, 'create');
      return new SpillFile({ file, key, nextNumber, remove: () => files.remove(path) });
    });
  }

  /** Repeats the step while the disk is full; other errors become `source.spill`, which has the transactions sent anew. */
  onDisk<T>(step: () => Promise<T>): Promise<T> {
    const working = this.#onDisk(step);
    this.#working = working.catch(() => {});
    return working;
  }

  async #onDisk<T>(step: () => Promise<T>): Promise<T> {
    const { clock, signal } = this.#options;
    for (;;) {
      try {
        const done = await step();
        this.#setFull(false);
        return done;
      } catch (error) {
        if (!isDiskFull(error)) throw broken(error);
        this.#setFull(true);
        await clock.sleep(RETRY_MS, signal);
      }
    }
  }

  #setFull(isFull: boolean): void {
    if (isFull === (this.#fullSince !== null)) return;
    const { clock, log } = this.#options;
    this.#fullSince = isFull ? clock.now() : null;
    const { message, remedy } = DISK_FULL;
    if (isFull) log('warn', message, { remedy });
    else log('info', `over: ${message}`);
  }

  released(spill: Spill): void {
    if (this.#spills.delete(spill)) this.#held -= spill.held;
  }

  /** Removes everything. To be called when the signal has aborted; twice does no harm. */
  async close(): Promise<void> {
    await this.#working;
    for (const spill of [...this.#spills]) await spill.remove().catch(() => {});
    await this.#emptied().catch(() => {});
    await this.#options.files.removeDirectory(this.#options.dir).catch(() => {});
  }

  async #emptied(): Promise<void> {
    const { dir, files } = this.#options;
    try {
      for (const name of await files.list(dir)) await files.remove(join(dir, name));
    } catch (error) {
      throw broken(error);
    }
  }
}

/** What one transaction has put aside: records, in order, that can be cut off again from an offset on. */
export class Spill {
  readonly #space: SpillSpace;
  #file: SpillFile | null = null;
  /** The records behind those in the file. */
  #tail: Buffer = Buffer.alloc(0);
  #tailBytes = 0;

  constructor(space: SpillSpace) {
    this.#space = space;
  }

  /** Of all records; the offset of the next one. */
  get bytes(): number {
    return (this.#file?.bytes ?? 0) + this.#tailBytes;
  }

  /** Memory that it takes. */
  get held(): number {
    return this.#tail.length;
  }

  /** A record of `head` and buf[from, to). Await the promise, if there is one, before anything else is asked for. */
  append(head: number, buf: Buffer, from: number, to: number): Promise<void> | undefined {
    const length = 1 + to - from;
    const grown = this.#makeRoom(LENGTH_BYTES + length);
    const at = this.#tailBytes + LENGTH_BYTES;
    this.#tail.writeUInt32LE(length, this.#tailBytes);
    this.#tail[at] = head;
    buf.copy(this.#tail, at + 1, from, to);
    this.#tailBytes = at + length;
    const waiting = grown > 0 ? this.#space.hold(grown) : undefined;
    if (this.#tailBytes < this.#space.blockBytes) return waiting;
    return waiting === undefined ? this.#flush() : waiting.then(() => this.#flush());
  }

  /** Drops the records from the offset on, which is one of theirs. */
  async truncate(offset: number): Promise<void> {
    const inFile = this.#file?.bytes ?? 0;
    if (offset >= inFile) {
      this.#tailBytes = offset - inFile;
      return;
    }
    const kept = await this.#space.onDisk(() => this.#file!.cut(offset));
    this.#tailBytes = 0;
    const grown = this.#makeRoom(kept.length);
    kept.copy(this.#tail);
    this.#tailBytes = kept.length;
    await (grown > 0 ? this.#space.hold(grown) : undefined);
  }

  /**
   * Hands over the records in order, each as a place in a buffer that is good until the promise, if there is one, resolves;
   * after some of them, and after the last, `rest`.
   */
  async replay(take: TakeRecord, rest: () => Promise<void> | undefined): Promise<void> {
    const blocks = this.#file?.read();
    for (;;) {
      const next = blocks === undefined ? undefined : await this.#space.onDisk(() => blocks.next());
      if (next === undefined || next.done === true) break;
      await handOver(next.value, take);
      await rest();
    }
    await handOver(this.#tail.subarray(0, this.#tailBytes), take);
    await rest();
  }

  /** Everything goes to the disk, and the memory is let go. */
  async toDisk(): Promise<void> {
    await this.#flush();
    const { length } = this.#tail;
    this.#tail = Buffer.alloc(0);
    await this.#space.hold(-length);
  }

  async remove(): Promise<void> {
    this.#space.released(this);
    await this.#file?.remove();
  }

  async #flush(): Promise<void> {
    if (this.#tailBytes === 0) return;
    const file = (this.#file ??= await this.#space.makeFile());
    await this.#space.onDisk(() => file.append(this.#tail.subarray(0, this.#tailBytes)));
    this.#tailBytes = 0;
  }

  /** Bytes by which the memory has grown. */
  #makeRoom(bytes: number): number {
    const needed = this.#tailBytes + bytes;
    const former = this.#tail;
    if (needed <= former.length) return 0;
    this.#tail = Buffer.allocUnsafeSlow(Math.max(FIRST_BYTES, needed, Math.min(2 * former.length, 2 * needed)));
    former.copy(this.#tail, 0, 0, this.#tailBytes);
    return this.#tail.length - former.length;
  }
}

async function handOver(records: Buffer, take: TakeRecord): Promise<void> {
  for (let at = 0; at < records.length; ) {
    const from = at + LENGTH_BYTES;
    at = from + records.readUInt32LE(at);
    const waiting = take(records, from, at);
    if (waiting !== undefined) await waiting;
  }
}

function broken(cause: unknown): TailraceError {
  if (cause instanceof TailraceError) return cause;
  const code = (cause as NodeJS.ErrnoException).code ?? (cause as Error).name;
  return new TailraceError('source.spill', `transactions that still run cannot be kept on disk (${code})`, {
    remedy: 'look into the disk of the data directory; the server sends them again',
    cause,
  });
}
