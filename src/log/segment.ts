/**
 * One file of a partition, in Kafka's layout: record batches one behind the other, `<base offset, 20 digits>.log`. Beside
 * it `.index`: entries of 16 bytes, offset u64 and position u64 little-endian, about one per 64 KiB. An index that does not
 * fit is made again by reading the file.
 */
import { join } from 'node:path';
import { TailraceError } from '../contracts/errors.ts';
import type { Files, OpenFile } from '../lib/files.ts';
import { checkBatch, HEADER_BYTES, readBatchHeader } from '../wire/record-batch.ts';

const INDEX_EVERY_BYTES = 64 * 1024;
const INDEX_ENTRY_BYTES = 16;
const READ_AHEAD_BYTES = 64 * 1024;

interface IndexEntry {
  readonly offset: bigint;
  readonly position: number;
}

export interface SegmentBatch {
  readonly base: bigint;
  readonly next: bigint;
  readonly bytes: Uint8Array;
}

export class Segment {
  readonly base: bigint;
  readonly #files: Files;
  readonly #path: string;
  #size: number;
  #index: IndexEntry[] = [];
  #indexed = 0;
  #file: Promise<OpenFile> | null = null;
  #indexFile: OpenFile | null = null;
  #indexLoaded: Promise<void> | null;
  #indexReady: boolean;
  /** Entries that the index file has. */
  #indexStored = 0;

  private constructor(files: Files, dir: string, base: bigint, size: number, fresh: boolean) {
    this.#files = files;
    this.base = base;
    this.#path = join(dir, String(base).padStart(20, '0'));
    this.#size = size;
    this.#indexLoaded = fresh ? Promise.resolve() : null;
    this.#indexReady = fresh;
  }

  static async create(files: Files, dir: string, base: bigint): Promise<Segment> {
    const segment = new Segment(files, dir, base, 0, true);
    // A start that died here before may have left the files.
    for (const suffix of ['.log', '.index']) await files.remove(`${segment.#path}${suffix}`).catch(ignoreAbsent);
    segment.#file = Promise.resolve(await files.open(`${segment.#path}.log`, 'create'));
    segment.#indexFile = await files.open(`${segment.#path}.index`, 'create');
    return segment;
  }

  /** Of an existing file, of which `size` bytes count; what lies behind them was never part of the log. */
  static existing(files: Files, dir: string, base: bigint, size: number): Segment {
    return new Segment(files, dir, base, size, false);
  }

  get size(): number {
    return this.#size;
  }

  /** Appends placed batches and makes them durable. A repeat after a failure writes the same place again. */
  async append(batches: readonly SegmentBatch[]): Promise<void> {
    const file = await this.#open();
    await this.#loadIndex();
    const entries: IndexEntry[] = [];
    let position = this.#size;
    let indexed = this.#indexed;
    for (const { base, bytes } of batches) {
      if (position === 0 || position - indexed >= INDEX_EVERY_BYTES) {
        entries.push({ offset: base, position });
        indexed = position;
      }
      position += bytes.length;
    }
    await file.write(
      batches.map(({ bytes }) => bytes),
      this.#size,
    );
    await file.sync();
    await this.#appendIndex(entries);
    this.#size = position;
    this.#indexed = indexed;
  }

  /** Writes behind the counted bytes, durably, without counting them; returns the position. See `accept`. */
  async writeAhead(data: readonly Uint8Array[]): Promise<number> {
    const file = await this.#open();
    await file.write(data, this.#size);
    await file.sync();
    return this.#size;
  }

  /** Counts batches that `writeAhead` put at `position`. */
  accept(position: number, batches: readonly { readonly base: bigint; readonly size: number }[]): void {
    let at = position;
    for (const { base, size } of batches) {
      if (at === 0 || at - this.#indexed >= INDEX_EVERY_BYTES) {
        if (this.#indexReady) this.#index.push({ offset: base, position: at });
        this.#indexed = at;
      }
      at += size;
    }
    this.#size = at;
  }

  /**
   * Whole batches from the one that holds `offset` (or the first after it), about `maxBytes`, at least one if there is one.
   * Throws `log.damaged` for bytes that are not what was written.
   */
  async read(offset: bigint, maxBytes: number): Promise<SegmentBatch[]> {
    const file = await this.#open();
    await this.#loadIndex();
    let position = this.#positionBefore(offset);
    let wanted = Math.max(maxBytes, HEADER_BYTES) + READ_AHEAD_BYTES;
    const found: SegmentBatch[] = [];
    let bytes = 0;
    while (position < this.#size && bytes < maxBytes) {
      const buf = Buffer.allocUnsafe(Math.min(wanted, this.#size - position));
      if ((await file.read(buf, position)) < buf.length) throw this.#damaged(position);
      let at = 0;
      while (at + HEADER_BYTES <= buf.length && bytes < maxBytes) {
        const { size } = readBatchHeader(buf, at);
        if (size < HEADER_BYTES || position + at + size > this.#size) throw this.#damaged(position + at);
        if (at + size > buf.length) break;
        const batch = this.#batch(buf, at, position + at);
        at += size;
        if (batch.next <= offset) continue;
        found.push(batch);
        bytes += size;
      }
      if (at > 0) position += at;
      else if (position + buf.length >= this.#size) throw this.#damaged(position);
      else wanted = Math.max(wanted * 2, readBatchHeader(buf, 0).size);
    }
    return found;
  }

  async close(): Promise<void> {
    const open = [await this.#file, this.#indexFile];
    this.#file = null;
    this.#indexFile = null;
    for (const file of open) await file?.close();
  }

  #batch(buf: Buffer, at: number, position: number): SegmentBatch {
    try {
      const size = checkBatch(buf, at, buf.length - at);
      const { baseOffset, lastOffsetDelta } = readBatchHeader(buf, at);
      if (baseOffset < this.base) throw this.#damaged(position);
      return { base: baseOffset, next: baseOffset + BigInt(lastOffsetDelta) + 1n, bytes: buf.subarray(at, at + size) };
    } catch (error) {
      if (error instanceof TailraceError && error.code === 'log.invalid_batch') throw this.#damaged(position);
      throw error;
    }
  }

  #damaged(position: number): TailraceError {
    const { lower, upper } = this.#around(position);
    const range = `${lower} to ${upper === null ? 'the end of the file' : upper - 1n}`;
    return new TailraceError(
      'log.damaged',
      `${this.#path}.log is damaged at byte ${position}, within offsets ${range}`,
      {
        remedy: 'restore the data directory from a backup; records outside of the range can be read',
      },
    );
  }

  #around(position: number): { lower: bigint; upper: bigint | null } {
    const after = this.#index.findIndex((entry) => entry.position > position);
    const before = this.#index[(after < 0 ? this.#index.length : after) - 1];
    return { lower: before?.offset ?? this.base, upper: this.#index[after]?.offset ?? null };
  }

  #positionBefore(offset: bigint): number {
    let low = 0;
    let high = this.#index.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#index[middle]!.offset <= offset) low = middle + 1;
      else high = middle;
    }
    return this.#index[low - 1]?.position ?? 0;
  }

  /** Opened once, also by a read and an append that come together. */
  #open(): Promise<OpenFile> {
    this.#file ??= this.#files.open(`${this.#path}.log`, 'existing');
    return this.#file;
  }

  async #appendIndex(entries: readonly IndexEntry[]): Promise<void> {
    this.#index.push(...entries);
    const missing = this.#index.slice(this.#indexStored);
    if (missing.length === 0) return;
    const bytes = Buffer.allocUnsafe(missing.length * INDEX_ENTRY_BYTES);
    for (const [i, { offset, position }] of missing.entries()) {
      bytes.writeBigUInt64LE(offset, i * INDEX_ENTRY_BYTES);
      bytes.writeBigUInt64LE(BigInt(position), i * INDEX_ENTRY_BYTES + 8);
    }
    this.#indexFile ??= await this.#files.open(`${this.#path}.index`, 'existing');
    await this.#indexFile.write([bytes], this.#indexStored * INDEX_ENTRY_BYTES);
    this.#indexStored += missing.length;
  }

  /** From its file while that fits the log's; the rest by reading the log. */
  #loadIndex(): Promise<void> {
    this.#indexLoaded ??= this.#readIndex();
    return this.#indexLoaded;
  }

  async #readIndex(): Promise<void> {
    const stored = await this.#storedIndex();
    for (const entry of stored) {
      const last = this.#index.at(-1);
      const fits = entry.position < this.#size && entry.offset >= this.base;
      if (!fits || (last !== undefined && (entry.position <= last.position || entry.offset <= last.offset))) break;
      if (last === undefined && entry.position !== 0) break;
      this.#index.push(entry);
    }
    this.#indexStored = this.#index.length;
    await this.#completeIndex();
    this.#indexReady = true;
  }

  async #storedIndex(): Promise<readonly IndexEntry[]> {
    try {
      this.#indexFile = await this.#files.open(`${this.#path}.index`, 'existing');
    } catch {
      this.#indexFile = await this.#files.open(`${this.#path}.index`, 'create');
      return [];
    }
    const bytes = Buffer.alloc(await this.#indexFile.size());
    await this.#indexFile.read(bytes, 0);
    return Array.from({ length: Math.floor(bytes.length / INDEX_ENTRY_BYTES) }, (_, i) => ({
      offset: bytes.readBigUInt64LE(i * INDEX_ENTRY_BYTES),
      position: Number(bytes.readBigUInt64LE(i * INDEX_ENTRY_BYTES + 8)),
    }));
  }

  async #completeIndex(): Promise<void> {
    const file = await this.#open();
    const header = Buffer.allocUnsafe(HEADER_BYTES);
    let position = this.#index.at(-1)?.position ?? 0;
    const missing: IndexEntry[] = [];
    let indexed = position;
    while (position + HEADER_BYTES <= this.#size) {
      await file.read(header, position);
      const { baseOffset, size } = readBatchHeader(header, 0);
      if (size < HEADER_BYTES || position + size > this.#size) break;
      if (this.#index.length + missing.length === 0 || position - indexed >= INDEX_EVERY_BYTES) {
        missing.push({ offset: baseOffset, position });
        indexed = position;
      }
      position += size;
    }
    await this.#appendIndex(missing);
    this.#indexed = this.#index.at(-1)?.position ?? 0;
  }
}

function ignoreAbsent(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
