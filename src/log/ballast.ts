/**
 * Room that is given up when the disk is full (DESIGN § 5). What retention deletes leaves the disk, and write-ahead files are
 * used again, only behind a log checkpoint; without room for one, a full disk would stay full. Until there is room for the
 * ballast again, new data wait: they would only fill what was given up.
 */
import { randomFillSync } from 'node:crypto';
import type { Files, OpenFile } from '../lib/files.ts';
import { isDiskFull } from '../lib/full-disk.ts';

/** Written at once. */
const PIECE_BYTES = 1 << 20;

export class Ballast {
  readonly #files: Files;
  readonly #path: string;
  readonly #bytes: number;
  #file: OpenFile | null = null;
  #size = 0;
  #spent = false;

  /** @param bytes 0: none is kept */
  constructor(files: Files, path: string, bytes: number) {
    this.#files = files;
    this.#path = path;
    this.#bytes = bytes;
  }

  /** It was given up and is not whole again. */
  get isSpent(): boolean {
    return this.#spent;
  }

  /** Makes it, or what is missing of it, as far as there is room. To be called again while it is spent. @param signal ends it early */
  async fill(signal?: AbortSignal): Promise<void> {
    if (this.#bytes === 0) return;
    try {
      this.#file ??= await this.#open();
      if (this.#size < this.#bytes) await this.#grow(this.#file, signal);
      this.#spent = false;
    } catch (error) {
      // Any other trouble with the disk is the log's to meet, and no reason to keep data waiting.
      if (!isDiskFull(error)) this.#spent = false;
    }
  }

  /** Runs the step, and once more with the ballast given up when the disk was full. */
  async spend<T>(step: () => Promise<T>): Promise<T> {
    try {
      return await step();
    } catch (error) {
      if (!isDiskFull(error) || !(await this.#release())) throw error;
      return step();
    }
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = null;
  }

  async #release(): Promise<boolean> {
    if (this.#bytes === 0) return false;
    await this.close();
    const removed = await this.#files.remove(this.#path).then(
      () => true,
      () => false,
    );
    this.#size = 0;
    this.#spent ||= removed;
    return removed;
  }

  async #open(): Promise<OpenFile> {
    const found = await this.#files.open(this.#path, 'existing').catch(() => null);
    const file = found ?? (await this.#files.open(this.#path, 'create'));
    this.#size = await file.size();
    return file;
  }

  /** Bytes by chance: file systems that compress give such no room for nothing. */
  async #grow(file: OpenFile, signal: AbortSignal | undefined): Promise<void> {
    const piece = randomFillSync(Buffer.allocUnsafe(Math.min(PIECE_BYTES, this.#bytes)));
    while (this.#size < this.#bytes && signal?.aborted !== true) {
      const part = piece.subarray(0, Math.min(piece.length, this.#bytes - this.#size));
      await file.write([part], this.#size);
      this.#size += part.length;
    }
    await file.sync();
  }
}
