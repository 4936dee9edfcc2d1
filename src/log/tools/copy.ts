/** `tailrace log backup` and `restore`: a stopped log's files, copied durably; a copy has its name only when it is whole. */
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { TailraceError } from '../../contracts/errors.ts';
import type { CopyReport, Progress } from '../../contracts/log-tools.ts';
import { diskFiles } from '../../lib/files.ts';
import { asDirectoryError } from '../data-directory.ts';
import { checkUnlocked } from '../lock.ts';

/** Files of the log. What else lies in the directory, the lock above all, is the running process's. */
const PARTS = /^(format|snapshot|snapshot\.copy|wal|topics|staged)$/;

interface Part {
  /** Below the data directory. */
  readonly path: string;
  readonly bytes: number;
}

/** @param finish done in the copy before it gets its name */
export async function copyLog(
  from: string,
  to: string,
  progress: Progress,
  finish: (dir: string) => Promise<void>,
): Promise<CopyReport> {
  const target = resolve(to);
  await checkEmpty(target);
  checkUnlocked(from);
  const partial = join(dirname(target), `.${basename(target)}.partial`);
  try {
    await rm(partial, { recursive: true, force: true });
    await mkdir(partial, { recursive: true, mode: 0o700 });
    const report = await copyParts(from, partial, progress);
    // One that started meanwhile may have changed what was being copied.
    checkUnlocked(from);
    await finish(partial);
    await rmdir(target).catch(() => {});
    await rename(partial, target);
    await diskFiles.syncDirectory(dirname(target));
    return report;
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    checkUnlocked(from);
    throw asDirectoryError(error, target);
  }
}

async function checkEmpty(target: string): Promise<void> {
  const names = await readdir(target).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw asDirectoryError(error, target);
  });
  if (names.length === 0) return;
  throw new TailraceError('log.unwritable', `${target} holds something already`, {
    remedy: 'name a directory that does not exist',
  });
}

async function copyParts(from: string, to: string, progress: Progress): Promise<CopyReport> {
  const parts = await partsBelow(from);
  if (!parts.some(({ path }) => path === 'format')) {
    throw new TailraceError('log.unwritable', `${from} holds no log`, {
      remedy: 'name the data directory or a backup',
    });
  }
  const total = parts.reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  for (const { path } of parts) {
    await diskFiles.makeDirectory(dirname(join(to, path)));
    await copyFile(join(from, path), join(to, path), (count) => {
      done += count;
      progress(done, total);
    });
  }
  for (const dir of new Set(parts.map(({ path }) => dirname(join(to, path))))) await diskFiles.syncDirectory(dir);
  return { files: parts.length, bytes: done };
}

async function partsBelow(root: string): Promise<Part[]> {
  const parts: Part[] = [];
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name).slice(resolve(root).length + 1);
    if (!entry.isFile() || !PARTS.test(path.split('/')[0]!)) continue;
    parts.push({ path, bytes: (await stat(join(root, path))).size });
  }
  return parts.sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function copyFile(from: string, to: string, copied: (bytes: number) => void): Promise<void> {
  const file = await open(to, 'wx', 0o600);
  try {
    for await (const chunk of createReadStream(from, { highWaterMark: 1 << 20 })) {
      await file.writeFile(chunk);
      copied(chunk.length);
    }
    await file.datasync();
  } finally {
    await file.close();
  }
}
