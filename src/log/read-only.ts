/** A stopped instance's data directory, looked at without changing it and in nobody's way. */
import { stat } from 'node:fs/promises';
import { TailraceError } from '../contracts/errors.ts';
import type { Checkpoints, StoredBatch, Topics } from '../contracts/log.ts';
import type { TimeIndex, TopicConfig } from '../contracts/log-admin.ts';
import type { Logger } from '../contracts/plugin.ts';
import { diskFiles, type Files } from '../lib/files.ts';
import { asDirectoryError, checkFormat, pathsOf } from './data-directory.ts';
import { type OpenLogOptions, SEGMENT_BYTES } from './embedded-log.ts';
import { checkUnlocked } from './lock.ts';
import { recover } from './recovery.ts';
import type { LogState } from './state.ts';
import { ReadBatch } from './stored-batch.ts';
import { TimeLookup } from './time-lookup.ts';

export interface ReadOnlyLog {
  readonly topics: Pick<Topics, 'get' | 'list'>;
  readonly checkpoints: Checkpoints;
  readonly times: TimeIndex;
  /** What differs from the default in the configuration of a topic; undefined when there is none. */
  configOf(topic: string): TopicConfig | undefined;
  /** As `Log.read`. Throws `log.locked` when a process has begun to use the directory and what is asked for is gone. */
  read(topic: string, partition: number, offset: bigint, maxBytes: number): Promise<readonly StoredBatch[]>;
  close(): Promise<void>;
}

/**
 * What a start would recover. Takes no lock, so that a process may start meanwhile. Throws `log.locked` while a process uses
 * the directory, `log.unwritable` when there is none.
 */
export async function openLogReadOnly(options: OpenLogOptions): Promise<ReadOnlyLog> {
  const { dir, log, files = diskFiles, segmentBytes = SEGMENT_BYTES } = options;
  return readOnly(dir, await recoverReadOnly(dir, unwritable(files), segmentBytes, log));
}

/** The state of a directory that no process uses. Throws as `openLogReadOnly`. */
export async function recoverReadOnly(dir: string, files: Files, segmentBytes: number, log: Logger): Promise<LogState> {
  if ((await stat(dir).catch(() => null))?.isDirectory() !== true) {
    throw new TailraceError('log.unwritable', `there is no data directory ${dir}`, {
      remedy: 'start the pipelines with `tailrace run`, or correct `data_dir` in tailrace.yaml',
    });
  }
  checkUnlocked(dir);
  try {
    checkFormat(dir, false);
    const { state } = await recover(pathsOf(dir), files, segmentBytes, log);
    // One that started meanwhile may have moved what was being read.
    checkUnlocked(dir);
    return state;
  } catch (error) {
    checkUnlocked(dir);
    throw asDirectoryError(error, dir);
  }
}

function readOnly(dir: string, state: LogState): ReadOnlyLog {
  return {
    topics: { get: (name) => state.topic(name), list: () => state.topicList() },
    checkpoints: state,
    times: new TimeLookup(state),
    configOf: (topic) => state.topicState(topic)?.config,
    async read(topic, partition, offset, maxBytes) {
      try {
        const batches = await state.partition(topic, partition).read(offset, maxBytes);
        return batches.map((batch) => new ReadBatch(batch));
      } catch (error) {
        if (!(error instanceof TailraceError) || error.code === 'log.damaged') checkUnlocked(dir);
        throw error;
      }
    },
    async close() {
      for (const partition of state.partitions()) await partition.close();
      for (const staged of state.staged) await staged.close();
    },
  };
}

/** Opens for reading only, and refuses every change. */
export function unwritable(files: Files): Files {
  const refuse = () => Promise.reject(Object.assign(new Error('opened for reading only'), { code: 'EROFS' }));
  return {
    open: (path, mode) => (mode === 'create' ? refuse() : files.open(path, 'read')),
    list: (path) => files.list(path),
    rename: refuse,
    remove: refuse,
    makeDirectory: refuse,
    removeDirectory: refuse,
    syncDirectory: refuse,
  };
}
