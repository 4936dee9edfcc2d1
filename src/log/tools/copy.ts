/** `tailrace log backup` and `restore`: a stopped log's files, copied durably; a copy has its name only when it is whole. */
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { TailraceError } from '../../contracts/errors.ts';
import type { CopyReport, LogReport, Progress } from '../../contracts/log-tools.ts';
import { checkUnlocked } from '../lock.ts';
import { type CopiedPart, copyParts, makeWhole } from './whole-directory.ts';

/** Files of the log. What else lies in the directory, the lock above all, is the running process's. */
const PARTS = /^(format|snapshot|snapshot\.copy|wal|topics|staged)$/;

/** @param finish done in the copy before it gets its name */
export async function copyLog(
  from: string,
  to: string,
  progress: Progress,
  finish: (dir: string) => Promise<LogReport>,
): Promise<CopyReport> {
  checkUnlocked(from);
  try {
    return await makeWhole(resolve(to), from, async (partial) => {
      const report = await copyAll(from, partial, progress);
      // One that started meanwhile may have changed what was being copied.
      checkUnlocked(from);
      return { ...report, unreadable: (await finish(partial)).unreadable };
    });
  } catch (error) {
    checkUnlocked(from);
    throw error;
  }
}

async function copyAll(from: string, to: string, progress: Progress): Promise<Omit<CopyReport, 'unreadable'>> {
  const parts = await partsBelow(from);
  if (!parts.some(({ path }) => path === 'format')) {
    throw new TailraceError('log.unwritable', `${from} holds no log`, {
      remedy: 'name the data directory or a backup',
    });
  }
  const total = parts.reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  await copyParts(from, to, parts, (bytes) => {
    done += bytes;
    progress(done, total);
  });
  return { files: parts.length, bytes: done };
}

async function partsBelow(root: string): Promise<CopiedPart[]> {
  const parts: CopiedPart[] = [];
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name).slice(resolve(root).length + 1);
    if (!entry.isFile() || !PARTS.test(path.split('/')[0]!)) continue;
    parts.push({ path, bytes: (await stat(join(root, path))).size });
  }
  return parts.sort((a, b) => (a.path < b.path ? -1 : 1));
}
