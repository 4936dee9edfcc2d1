/** `tailrace log verify` and `dump`: reads all of a stopped log and changes nothing. */
import type { DumpedBatch, LogReport, Progress, UnreadableRange } from '../../contracts/log-tools.ts';
import type { Logger } from '../../contracts/plugin.ts';
import { diskFiles } from '../../lib/files.ts';
import { SEGMENT_BYTES } from '../embedded-log.ts';
import { recoverReadOnly, unwritable } from '../read-only.ts';
import type { LogState } from '../state.ts';
import { batchesOf } from './batches.ts';

export async function verifyLog(dir: string, progress: Progress): Promise<LogReport> {
  const notes: string[] = [];
  let lostCommits = 0;
  const state = await recovered(dir, (_level, message, fields) => {
    if (typeof fields?.commits === 'number') lostCommits += fields.commits;
    // Ranges are found again, with the others.
    else if (fields?.from === undefined)
      notes.push(`${message}${fields?.path === undefined ? '' : ` (${fields.path})`}`);
  });
  try {
    return { ...(await reportOf(state, progress)), lostCommits, notes };
  } finally {
    await closed(state);
  }
}

async function reportOf(state: LogState, progress: Progress): Promise<Omit<LogReport, 'lostCommits' | 'notes'>> {
  const partitions = state.partitions();
  const total = partitions.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const unreadable: UnreadableRange[] = [];
  let [batches, bytes] = [0, 0];
  for (const partition of partitions) {
    for await (const { base, next, size, readable } of batchesOf(partition, diskFiles)) {
      if (!readable) unreadable.push({ ...placeOf(partition), from: String(base), to: String(next) });
      else batches++;
      bytes += size;
      progress(bytes, total);
    }
  }
  return { topics: state.topicList().length, partitions: partitions.length, batches, bytes, unreadable };
}

export async function* dumpLog(dir: string): AsyncGenerator<DumpedBatch, void, undefined> {
  const state = await recovered(dir, () => {});
  try {
    for (const partition of state.partitions()) {
      for await (const { base, next, size, ...more } of batchesOf(partition, diskFiles)) {
        yield { ...placeOf(partition), base: String(base), next: String(next), bytes: size, ...more };
      }
    }
  } finally {
    await closed(state);
  }
}

const placeOf = ({ topic, partition }: { readonly topic: string; readonly partition: number }) => ({
  topic,
  partition,
});

function recovered(dir: string, log: Logger): Promise<LogState> {
  return recoverReadOnly(dir, unwritable(diskFiles), SEGMENT_BYTES, log);
}

async function closed(state: LogState): Promise<void> {
  for (const partition of state.partitions()) await partition.close();
  for (const staged of state.staged) await staged.close();
}
