/** The data directory: mode 0700, format version, errors a user can act on. */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TailraceError } from '../contracts/errors.ts';
import type { Files } from '../lib/files.ts';
import { type Lock, takeLock } from './lock.ts';

/**
 * Raised when an older Tailrace could not read what this one writes; the older ones are read. 1 had other frames; 2 had no
 * topics with ids and configuration, none that are deleted, and no leader epochs.
 */
export const FORMAT = 3;

export interface DataPaths {
  readonly root: string;
  readonly wal: string;
  readonly topics: string;
  readonly staged: string;
  readonly snapshot: string;
  readonly ballast: string;
}

export function pathsOf(root: string): DataPaths {
  return {
    root,
    wal: join(root, 'wal'),
    topics: join(root, 'topics'),
    staged: join(root, 'staged'),
    snapshot: join(root, 'snapshot'),
    ballast: join(root, 'ballast'),
  };
}

/** Makes what is absent, takes the lock, checks the format. */
export async function openDirectory(root: string, files: Files): Promise<{ paths: DataPaths; lock: Lock }> {
  const paths = pathsOf(root);
  let lock: Lock | undefined;
  try {
    for (const path of [root, paths.wal, paths.topics, paths.staged]) await files.makeDirectory(path);
    await chmod(root, 0o700);
    lock = takeLock(root);
    checkFormat(root, true);
    return { paths, lock };
  } catch (error) {
    lock?.release();
    throw asDirectoryError(error, root);
  }
}

/** Throws `log.newer_format`, `log.damaged`. With `create`, writes the version where there is none or an older one. */
export function checkFormat(root: string, create: boolean): void {
  const path = join(root, 'format');
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    if (create) writeFormat(path);
    return;
  }
  const version = Number(text.trim());
  if (version === FORMAT) return;
  if (version >= 1 && version < FORMAT) {
    if (create) writeFormat(path);
    return;
  }
  if (!Number.isSafeInteger(version) || version < 1) {
    throw new TailraceError('log.damaged', `${path}, which says how the data are written, is damaged`, {
      remedy: `write ${FORMAT} into it if the Tailrace that last ran here was this one`,
    });
  }
  throw new TailraceError(
    'log.newer_format',
    `the data directory ${root} has format ${text.trim()}, this Tailrace knows ${FORMAT}`,
    {
      remedy: 'use the Tailrace that wrote it, or a newer one',
    },
  );
}

/** As a whole and durably: a torn one would lock everybody out. */
function writeFormat(path: string): void {
  const temporary = `${path}.tmp`;
  writeFileSync(temporary, `${FORMAT}\n`, { mode: 0o600, flush: true });
  renameSync(temporary, path);
  const directory = openSync(dirname(path), 'r');
  fsyncSync(directory);
  closeSync(directory);
}

export function asDirectoryError(error: unknown, root: string): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (error instanceof TailraceError || typeof code !== 'string' || !code.startsWith('E')) return error;
  return new TailraceError('log.unwritable', `the data directory ${root} cannot be used (${code})`, {
    remedy: 'chown it to the user that runs Tailrace, or set another `data_dir` in tailrace.yaml',
    cause: error,
  });
}
