/** Batches of one large transaction on disk before its commit: invisible, and removed at the next start if none adopts it. */
import { join } from 'node:path';
import type { Files, OpenFile } from '../lib/files.ts';

export class StagedFile {
  readonly name: string;
  readonly path: string;
  readonly #files: Files;
  readonly #file: OpenFile;
  #size = 0;
  #closed = false;

  private constructor(files: Files, path: string, name: string, file: OpenFile) {
    this.#files = files;
    this.path = path;
    this.name = name;
    this.#file = file;
  }

  static async create(files: Files, dir: string, name: string): Promise<StagedFile> {
    const path = join(dir, name);
    return new StagedFile(files, path, name, await files.open(path, 'create'));
  }

  static async existing(files: Files, dir: string, name: string): Promise<StagedFile> {
    const path = join(dir, name);
    return new StagedFile(files, path, name, await files.open(path, 'read'));
  }

  /** Behind what was appended before. */
  async append(buffers: readonly Uint8Array[]): Promise<void> {
    await this.#file.write(buffers, this.#size);
    this.#size += buffers.reduce((sum, { length }) => sum + length, 0);
  }

  /** Bytes read; less than asked for at the end of the file. */
  read(buffer: Uint8Array, position: number): Promise<number> {
    return this.#file.read(buffer, position);
  }

  sync(): Promise<void> {
    return this.#file.sync();
  }

  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    return this.#file.close();
  }

  async remove(): Promise<void> {
    await this.close();
    await this.#files.remove(this.path);
  }
}
