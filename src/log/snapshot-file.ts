/**
 * The state as of a log checkpoint: a line with the CRC-32C of the rest in hexadecimal, then JSON. Kept twice, so that one
 * damaged sector does not hide what the log holds. Replaced as a whole: temporary files, fsync, renames, fsync of the directory.
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

const copyOf = (path: string) => `${path}.copy`;

/** The files of a snapshot. */
export const snapshotPaths = (path: string): readonly string[] => [path, copyOf(path)];

/** Both copies are on disk when it resolves. */
export async function writeSnapshot(files: Files, path: string, snapshot: Snapshot): Promise<void> {
  const body = Buffer.from(JSON.stringify(snapshot));
  const bytes = [Buffer.from(`${crc32c(body).toString(16).padStart(8, '0')}\n`), body];
  const paths = snapshotPaths(path);
  const written = await Promise.allSettled(paths.map((one) => writeTemporary(files, `${one}.tmp`, bytes)));
  for (const result of written) if (result.status === 'rejected') throw result.reason;
  for (const one of paths) await files.rename(`${one}.tmp`, one);
  await files.syncDirectory(dirname(path));
}

async function writeTemporary(files: Files, path: string, bytes: readonly Uint8Array[]): Promise<void> {
  await files.remove(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  const file = await files.open(path, 'create');
  try {
    await file.write(bytes, 0);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * The newer of the copies; null when there is none. Throws `log.damaged` when none can be read.
 * @param onDamaged called with the path of a copy that is damaged while the other is not
 */
export async function readSnapshot(
  files: Files,
  path: string,
  onDamaged: (path: string) => void = () => {},
): Promise<Snapshot | null> {
  const copies = await Promise.all([readCopy(files, path), readCopy(files, copyOf(path))]);
  const [first, second] = copies.filter((copy) => copy !== null && copy !== 'damaged');
  if (first === undefined) {
    if (!copies.includes('damaged')) return null;
    throw new TailraceError('log.damaged', `${path}, which says what the log holds, is damaged, and so is its copy`, {
      remedy: 'restore the data directory from a backup',
    });
  }
  if (copies.includes('damaged')) onDamaged(copies[0] === 'damaged' ? path : copyOf(path));
  // A crash between the renames leaves the former snapshot as the copy, and the write-ahead files since then.
  return second === undefined || first.sequence >= second.sequence ? first : second;
}

async function readCopy(files: Files, path: string): Promise<Snapshot | 'damaged' | null> {
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
    const expected = `${crc32c(body).toString(16).padStart(8, '0')}\n`;
    return bytes.length > 9 && bytes.toString('latin1', 0, 9) === expected
      ? (JSON.parse(body.toString()) as Snapshot)
      : 'damaged';
  } finally {
    await file.close();
  }
}
