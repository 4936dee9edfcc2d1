/** A stopped instance's data directory, looked at without changing it. */
import { stat } from 'node:fs/promises';
import { TailraceError } from '../contracts/errors.ts';
import type { Checkpoints, Topics } from '../contracts/log.ts';
import { diskFiles } from '../lib/files.ts';
import { asDirectoryError, checkFormat, pathsOf } from './data-directory.ts';
import { type OpenLogOptions, SEGMENT_BYTES } from './embedded-log.ts';
import { takeLock } from './lock.ts';
import { recover } from './recovery.ts';

export interface ReadOnlyLog {
  readonly topics: Pick<Topics, 'get' | 'list'>;
  readonly checkpoints: Checkpoints;
  close(): Promise<void>;
}

/** What a start would recover. Throws `log.locked` while a process uses the directory, `log.unwritable` when there is none. */
export async function openLogReadOnly(options: OpenLogOptions): Promise<ReadOnlyLog> {
  const { dir, log, files = diskFiles, segmentBytes = SEGMENT_BYTES } = options;
  if ((await stat(dir).catch(() => null))?.isDirectory() !== true) {
    throw new TailraceError('log.unwritable', `there is no data directory ${dir}`, {
      remedy: 'start the pipelines with `tailrace run`, or correct `data_dir` in tailrace.yaml',
    });
  }
  try {
    const lock = takeLock(dir);
    try {
      checkFormat(dir, false);
      const { state } = await recover(pathsOf(dir), files, segmentBytes, log);
      for (const staged of state.staged) await staged.close();
      return {
        topics: { get: (name) => state.topic(name), list: () => state.topicList() },
        checkpoints: state,
        close: async () => {},
      };
    } finally {
      lock.release();
    }
  } catch (error) {
    throw asDirectoryError(error, dir);
  }
}
