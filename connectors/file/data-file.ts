/** One file that lines are appended to, from a known length. */
import type { FileHandle } from 'node:fs/promises';
import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { TailraceError } from '../../src/sdk/index.ts';
import { statePath, syncDirectory } from './state-file.ts';

export class DataFile {
  readonly path: string;
  readonly #handle: FileHandle;
  #length: number;
  #dirty = false;

  constructor(path: string, handle: FileHandle, length: number) {
    this.path = path;
    this.#handle = handle;
    this.#length = length;
  }

  /** Everything written, synced or not. */
  get length(): number {
    return this.#length;
  }

  async append(bytes: Uint8Array): Promise<void> {
    this.#dirty = true;
    for (let from = 0; from < bytes.length; ) {
      const { bytesWritten } = await this.#handle.write(bytes, from, bytes.length - from, this.#length);
      from += bytesWritten;
      this.#length += bytesWritten;
    }
  }

  async sync(): Promise<void> {
    if (!this.#dirty) return;
    await this.#handle.datasync();
    this.#dirty = false;
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

/**
 * Opens a file to go on at `length`, dropping what an ended session wrote past it; null: at its end, for a file that the
 * state does not know yet. Its name is durable when it resolves.
 */
export async function openDataFile(path: string, length: number | null, template: string): Promise<DataFile> {
  const made = await mkdir(dirname(path), { recursive: true });
  const existed = await open(path, 'r+').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (existed === null && length !== null && length > 0) throw shorter(path, length, 0, template);
  const handle = existed ?? (await open(path, 'wx+', 0o644));
  try {
    const { size } = await handle.stat();
    if (length !== null && size < length) throw shorter(path, length, size, template);
    if (length !== null && size > length) await handle.truncate(length);
    if (length !== null && size > length) await handle.datasync();
    if (existed === null) await syncUpTo(dirname(path), made);
    return new DataFile(path, handle, length ?? size);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** The directory that got a new name, and those above it that were made for it. */
async function syncUpTo(directory: string, firstMade: string | undefined): Promise<void> {
  await syncDirectory(directory);
  if (firstMade === undefined) return;
  for (let made = directory; made.length >= firstMade.length; made = dirname(made)) await syncDirectory(dirname(made));
}

function shorter(path: string, length: number, size: number, template: string): TailraceError {
  return new TailraceError('sink.not_ready', `${path} holds ${size} bytes but had ${length}: lines were removed`, {
    remedy: `restore the file; or, to begin again, move it and ${statePath(template)} away`,
  });
}
