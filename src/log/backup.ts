/**
 * A backup of a log that goes on: what it held, commit for commit, at one moment during the backup.
 *
 * The moment is right after a log checkpoint. The snapshot that it wrote and the write-ahead files as far as they were written
 * then are copied before the next checkpoint can begin; segments and staged files, which only grow at their ends, after that,
 * as far as they were counted at the moment. Files that are no part of the log any more stay until the backup has ended.
 */
import { stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { CopyReport, LogReport, Progress } from '../contracts/log-tools.ts';
import type { DataPaths } from './data-directory.ts';
import type { Flusher } from './flusher.ts';
import type { Segment } from './segment.ts';
import { snapshotPaths } from './snapshot-file.ts';
import type { LogState } from './state.ts';
import { type CopiedPart, copyParts, makeWhole } from './tools/whole-directory.ts';
import type { Wal } from './wal.ts';

export interface BackupParts {
  readonly state: LogState;
  readonly wal: Wal;
  readonly flusher: Flusher;
  readonly paths: DataPaths;
}

/** @param finish done in the copy before it gets its name */
export async function backUp(
  parts: BackupParts,
  target: string,
  progress: Progress,
  finish: (dir: string) => Promise<LogReport>,
  signal: AbortSignal,
): Promise<CopyReport> {
  const { state, flusher, paths } = parts;
  const unpin = state.pin();
  try {
    return await makeWhole(target, paths.root, async (partial) => {
      let done = 0;
      let total = 0;
      const copied = (bytes: number) => {
        done += bytes;
        progress(done, total);
      };
      const { first, later } = await flusher.checkpointThen(async () => {
        const cut = await cutOf(parts);
        total = [...cut.first, ...cut.later].reduce((sum, { bytes }) => sum + bytes, 0);
        await copyParts(paths.root, partial, cut.first, copied, signal);
        return cut;
      });
      await copyParts(paths.root, partial, later, copied, signal);
      signal.throwIfAborted();
      const { unreadable } = await finish(partial);
      signal.throwIfAborted();
      return { files: first.length + later.length, bytes: done, unreadable };
    });
  } catch (error) {
    // A stream says only that it was aborted, not why.
    signal.throwIfAborted();
    throw error;
  } finally {
    unpin();
  }
}

/** `first`: what the next checkpoint writes over. */
async function cutOf({ state, wal, paths }: BackupParts): Promise<{ first: CopiedPart[]; later: CopiedPart[] }> {
  const place = (path: string) => relative(paths.root, path);
  // All of one moment: until the first await below.
  const written = wal.written().map(({ name, bytes }) => ({ path: place(join(paths.wal, name)), bytes }));
  const dropped = state.deleted.flatMap(({ partitions }) => partitions);
  const segments: Segment[] = [...state.partitions(), ...dropped].flatMap((partition) => [
    ...partition.segments,
    ...partition.garbage,
  ]);
  const counted = segments.map(({ logPath, size }) => ({ path: place(logPath), bytes: size }));
  const staged = state.staged.map(({ path }) => path);
  const whole = (path: string) => stat(path).then(({ size }) => ({ path: place(path), bytes: size }));
  const fixed = await Promise.all([join(paths.root, 'format'), ...snapshotPaths(paths.snapshot)].map(whole));
  return { first: [...fixed, ...written], later: [...counted, ...(await Promise.all(staged.map(whole)))] };
}
