/** The file operations that durable parts need, narrow enough to put faults between. */
import { type FileHandle, mkdir, open, readdir, rename, rmdir, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';

export interface OpenFile {
  /** Writes all of the buffers, one behind the other, from `position` on. */
  write(buffers: readonly Uint8Array[], position: number): Promise<void>;
  /** Bytes read; less than asked for at the end of the file. */
  read(buffer: Uint8Array, position: number): Promise<number>;
  /** Data, and the size where it is needed to read the data, are on disk when it resolves (fdatasync). */
  sync(): Promise<void>;
  size(): Promise<number>;
  truncate(size: number): Promise<void>;
  close(): Promise<void>;
}

export interface Files {
  /** Opens for reading and writing; `create` makes it, and its entry in the directory durable. */
  open(path: string, mode: 'existing' | 'create' | 'read'): Promise<OpenFile>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Names in a directory, sorted; empty when it does not exist. */
  list(path: string): Promise<readonly string[]>;
  /** Makes the directory and its parents, mode 0700, durably. */
  makeDirectory(path: string): Promise<void>;
  /** Removes an empty directory. One that is not empty or does not exist stays so. */
  removeDirectory(path: string): Promise<void>;
  /** Makes entries of the directory durable. */
  syncDirectory(path: string): Promise<void>;
}

class DiskFile implements OpenFile {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async write(buffers: readonly Uint8Array[], position: number): Promise<void> {
    let left = buffers.filter(({ length }) => length > 0);
    let at = position;
    while (left.length > 0) {
      const { bytesWritten } = await this.#handle.writev(left as Uint8Array[], at);
      at += bytesWritten;
      left = afterBytes(left, bytesWritten);
    }
  }

  async read(buffer: Uint8Array, position: number): Promise<number> {
    let done = 0;
    while (done < buffer.length) {
      const { bytesRead } = await this.#handle.read(buffer, done, buffer.length - done, position + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return done;
  }

  sync(): Promise<void> {
    return this.#handle.datasync();
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  truncate(size: number): Promise<void> {
    return this.#handle.truncate(size);
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

/** What remains of the buffers after their first `count` bytes. */
function afterBytes(buffers: readonly Uint8Array[], count: number): Uint8Array[] {
  let skip = count;
  const left: Uint8Array[] = [];
  for (const buffer of buffers) {
    if (skip >= buffer.length) skip -= buffer.length;
    else {
      left.push(skip === 0 ? buffer : buffer.subarray(skip));
      skip = 0;
    }
  }
  return left;
}

const FLAGS = { existing: 'r+', create: 'wx+', read: 'r' } as const;

export const diskFiles: Files = {
  async open(path, mode) {
    const file = new DiskFile(await open(path, FLAGS[mode], 0o600));
    if (mode === 'create') await this.syncDirectory(dirname(path));
    return file;
  },
  rename,
  remove: unlink,
  async list(path) {
    try {
      return (await readdir(path)).sort();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  },
  async makeDirectory(path) {
    const first = await mkdir(path, { recursive: true, mode: 0o700 });
    if (first === undefined) return;
    for (let made = path; ; made = dirname(made)) {
      await this.syncDirectory(dirname(made));
      if (made === first || dirname(made) === made) return;
    }
  },
  async removeDirectory(path) {
    await rmdir(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT' && error.code !== 'ENOTEMPTY') throw error;
    });
  },
  async syncDirectory(path) {
    const handle = await open(path, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
};
