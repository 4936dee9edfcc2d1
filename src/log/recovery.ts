/** The state of a data directory: its snapshot, and on top of it the commits of the write-ahead log. */
import { TailraceError } from '../contracts/errors.ts';
import type { Logger } from '../contracts/plugin.ts';
import type { Files } from '../lib/files.ts';
import type { DataPaths } from './data-directory.ts';
import type { Hole, Partition } from './partition.ts';
import { readSnapshot } from './snapshot-file.ts';
import { StagedFile } from './staged-file.ts';
import { LogState } from './state.ts';
import { type RecoveredCommit, recoverWal } from './wal-recovery.ts';

export interface Recovered {
  readonly state: LogState;
  readonly nextEpoch: number;
  /** Files of the write-ahead log that were read. */
  readonly walNames: readonly string[];
}

const RESTORE = 'restore the data directory from a backup';

/** Changes nothing on disk. Throws `log.damaged` where nothing can be read any more. */
export async function recover(paths: DataPaths, files: Files, segmentBytes: number, log: Logger): Promise<Recovered> {
  const state = new LogState({ files, topicsDir: paths.topics, segmentBytes });
  const snapshot = await readSnapshot(files, paths.snapshot, (path) =>
    log('warn', 'a file that says what the log holds is damaged; its copy is not, and is used', { path }),
  );
  if (snapshot !== null) state.restore(snapshot);
  const recovery = await recoverWal(files, paths.wal, state.sequence, state.leaderEpoch);
  if (recovery.lost.length > 0) {
    log('error', 'the log is damaged: commits that were acknowledged cannot be read', {
      commits: recovery.lost.length,
      first: recovery.lost[0],
      last: recovery.lost.at(-1),
      remedy: `${RESTORE}, or go on without them`,
    });
  }
  const known = new Set(state.partitions().flatMap(({ holes }) => holes));
  const stagedNames = new Set(await files.list(paths.staged));
  for (const commit of recovery.commits) {
    const name = commit.record.staged?.file;
    if (name !== undefined && !stagedNames.has(name)) {
      throw new TailraceError('log.damaged', `the staged file ${name} of an acknowledged commit is gone`, {
        remedy: RESTORE,
      });
    }
    const staged = name === undefined ? null : await StagedFile.existing(files, paths.staged, name);
    const changed = apply(state, commit, staged);
    reportDamage(commit, log);
    for (const partition of changed) reportHoles(partition, known, log);
  }
  const nextEpoch = Math.max(recovery.nextEpoch, snapshot?.walEpoch ?? 1);
  return { state, nextEpoch, walNames: recovery.names };
}

function apply(
  state: LogState,
  { sequence, record, data }: RecoveredCommit,
  staged: StagedFile | null,
): Set<Partition> {
  try {
    return state.apply(sequence, record, data, staged);
  } catch (cause) {
    if (!(cause instanceof TailraceError) || cause.code !== 'log.no_such_topic') throw cause;
    const message = `the commit ${sequence} writes to a topic whose creation is lost: ${cause.message}`;
    throw new TailraceError('log.damaged', message, { remedy: RESTORE, cause });
  }
}

function reportDamage({ record, damaged }: RecoveredCommit, log: Logger): void {
  for (const number of damaged) {
    const [topic, partition, from, to] = record.batches![number]!;
    log('error', 'records are damaged', { topic, partition, from, to });
  }
}

/** @param known holes that are not new */
function reportHoles({ topic, partition, holes }: Partition, known: Set<Hole>, log: Logger): void {
  const last = holes.at(-1);
  if (last === undefined || known.has(last)) return;
  known.add(last);
  log('error', 'records are lost', { topic, partition, from: String(last.from), to: String(last.to) });
}
