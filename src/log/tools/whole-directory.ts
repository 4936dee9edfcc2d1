/** Directories that have their name only when they are whole: made under another, on disk, then renamed. */
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { TailraceError } from '../../contracts/errors.ts';
import { diskFiles } from '../../lib/files.ts';
import { asDirectoryError } from '../data-directory.ts';

const STEP_BYTES = 1 << 20;

/**
 * @param target absent or empty, and not inside of `source`; throws `log.unwritable` else
 * @param fill puts everything, durably, into the directory that it is given; when it fails, nothing is left
 */
export async function makeWhole<T>(target: string, source: string, fill: (dir: string) => Promise<T>): Promise<T> {
  await checkTarget(target, source);
  const partial = join(dirname(target), `.${basename(target)}.partial`);
  try {
    await rm(partial, { recursive: true, force: true });
    await mkdir(partial, { recursive: true, mode: 0o700 });
    const result = await fill(partial);
    await rmdir(target).catch(() => {});
    await rename(partial, target);
    await diskFiles.syncDirectory(dirname(target));
    return result;
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw asDirectoryError(error, target);
  }
}

async function checkTarget(target: string, source: string): Promise<void> {
  const way = relative(resolve(source), target);
  if (way === '' || (way !== '..' && !way.startsWith(`..${sep}`))) {
    throw new TailraceError('log.unwritable', `${target} lies inside of ${source}`, {
      remedy: 'name a directory outside of it, best on another disk',
    });
  }
  const names = await readdir(target).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw asDirectoryError(error, target);
  });
  if (names.length === 0) return;
  throw new TailraceError('log.unwritable', `${target} holds something already`, {
    remedy: 'name a directory that does not exist',
  });
}

export interface CopiedPart {
  /** Below the directory. */
  readonly path: string;
  /** So many from its beginning. */
  readonly bytes: number;
}

/**
 * Durably, directories included. Of a file that is shorter, what there is; one that is gone is left out: what is lost does not
 * stand in the way of the rest. @param copied called with the bytes of each step
 */
export async function copyParts(
  from: string,
  to: string,
  parts: readonly CopiedPart[],
  copied: (bytes: number) => void,
  signal?: AbortSignal,
): Promise<void> {
  for (const { path, bytes } of parts) {
    await diskFiles.makeDirectory(dirname(join(to, path)));
    await copyFile(join(from, path), join(to, path), bytes, copied, signal);
  }
  for (const dir of new Set(parts.map(({ path }) => dirname(join(to, path))))) await diskFiles.syncDirectory(dir);
}

async function copyFile(
  from: string,
  to: string,
  bytes: number,
  copied: (bytes: number) => void,
  signal?: AbortSignal,
): Promise<void> {
  const file = await open(to, 'wx', 0o600);
  try {
    for await (const chunk of beginningOf(from, bytes, signal)) {
      await file.writeFile(chunk);
      copied(chunk.length);
    }
    await file.datasync();
  } finally {
    await file.close();
  }
}

async function* beginningOf(path: string, bytes: number, signal?: AbortSignal): AsyncGenerator<Buffer> {
  if (bytes === 0) return;
  try {
    yield* createReadStream(path, { highWaterMark: STEP_BYTES, end: bytes - 1, signal }) as AsyncIterable<Buffer>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
