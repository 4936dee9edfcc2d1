/**
 * The state as of a log checkpoint: a line with the CRC-32C of the rest in hexadecimal, then JSON. Replaced as a whole:
 * temporary file, fsync, rename, fsync of the directory.
 */
import { dirname } from 'node:path';
import { TailraceError } from '../contracts/errors.ts';
import { crc32c } from '../lib/crc32c.ts';
import type { Files } from '../lib/files.ts';
import type { StoredState } from './state.ts';

export interface Snapshot extends StoredState {
  /** Epoch above that of every write-ahead file so far. */
  readonly walEpoch: number;
}

export async function writeSnapshot(files: Files, path: string, snapshot: Snapshot): Promise<void> {
  const body = Buffer.from(JSON.stringify(snapshot));
  const temporary = `${path}.tmp`;
  await files.remove(temporary).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  const file = await files.open(temporary, 'create');
  try {
    await file.write([Buffer.from(`${crc32c(body).toString(16).padStart(8, '0')}\n`), body], 0);
    await file.sync();
  } finally {
    await file.close();
  }
  await files.rename(temporary, path);
  await files.syncDirectory(dirname(path));
}

/** Null when there is none. Throws `log.damaged`. */
export async function readSnapshot(files: Files, path: string): Promise<Snapshot | null> {
  let file: Awaited<ReturnType<Files['open']>>;
  try {
    file = await files.open(path, 'read');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  try {
    const bytes = Buffer.alloc(await file.size());
    await file.read(bytes, 0);
    const body = bytes.subarray(9);
    if (bytes.length > 9 && crc32c(body) === Number.parseInt(bytes.toString('latin1', 0, 8), 16)) {
      return JSON.parse(body.toString()) as Snapshot;
    }
  } finally {
    await file.close();
  }
  throw new TailraceError('log.damaged', `${path}, which says what the log holds, is damaged`, {
    remedy: 'restore the data directory from a backup',
  });
}
