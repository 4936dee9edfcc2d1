/**
 * Reads what a process left in the write-ahead log (DESIGN § 5, Recovery).
 *
 * A frame that does not verify ends the log there: it was being written, and never acknowledged. Unless a later frame
 * verifies whose `durableUpTo` reaches it: then it had been on disk, and its bytes are damaged since. What its head still
 * says is applied; its damaged batches keep their offsets, and a read of them fails.
 */
import { join } from 'node:path';
import type { Files } from '../lib/files.ts';
import type { CommitRecord } from './commit-record.ts';
import { repairData, seedOf } from './frame.ts';
import { type ScannedFrame, scanFrames } from './frame-scan.ts';
import { FRAMES_AT, readWalHeader, type WalHeader } from './wal-file.ts';

export interface RecoveredCommit {
  readonly sequence: number;
  readonly record: CommitRecord;
  readonly data: readonly Uint8Array[];
  /** Numbers of the batches whose bytes are damaged. */
  readonly damaged: readonly number[];
}

export interface Recovery {
  readonly commits: readonly RecoveredCommit[];
  /** Sequences that were acknowledged and of which nothing can be read. */
  readonly lost: readonly number[];
  /** Epoch above that of every file. */
  readonly nextEpoch: number;
  readonly names: readonly string[];
}

/**
 * @param after sequence that the snapshot holds; frames up to it are passed over
 * @param leaderEpoch as of the snapshot
 */
export async function recoverWal(files: Files, dir: string, after: number, leaderEpoch: number): Promise<Recovery> {
  const names = (await files.list(dir)).filter((name) => name.endsWith('.wal'));
  const headers: (WalHeader & { readonly name: string })[] = [];
  for (const name of names) {
    const header = readWalHeader(await read(files, join(dir, name), FRAMES_AT));
    if (header !== null) headers.push({ ...header, name });
  }
  headers.sort((a, b) => a.epoch - b.epoch);
  const bySequence = new Map<number, ScannedFrame>();
  for (const [i, { epoch, name }] of headers.entries()) {
    // All of its frames are in the snapshot.
    if ((headers[i + 1]?.firstSequence ?? Number.POSITIVE_INFINITY) <= after + 1) continue;
    const bytes = await read(files, join(dir, name), null);
    for (const frame of scanFrames(bytes, FRAMES_AT, seedOf(epoch))) bySequence.set(frame.head.sequence, frame);
  }
  const nextEpoch = (headers.at(-1)?.epoch ?? 0) + 1;
  return { ...keep(bySequence, after, leaderEpoch), nextEpoch, names };
}

/** The first `limit` bytes of a file, or all of them. */
async function read(files: Files, path: string, limit: number | null): Promise<Buffer> {
  const file = await files.open(path, 'read');
  try {
    const bytes = Buffer.alloc(Math.min(limit ?? Number.POSITIVE_INFINITY, await file.size()));
    await file.read(bytes, 0);
    return bytes;
  } finally {
    await file.close();
  }
}

/** The commits to apply, in order, and the acknowledged ones that are missing among them. */
function keep(
  found: ReadonlyMap<number, ScannedFrame>,
  after: number,
  leaderEpoch: number,
): Pick<Recovery, 'commits' | 'lost'> {
  let durable = after;
  let last = after;
  for (const { head } of found.values()) {
    durable = Math.max(durable, head.durableUpTo);
    last = Math.max(last, head.sequence);
  }
  const commits: RecoveredCommit[] = [];
  const lost: number[] = [];
  let current = leaderEpoch;
  for (let sequence = after + 1; sequence <= Math.max(durable, last); sequence++) {
    const frame = found.get(sequence);
    const acknowledged = sequence <= durable;
    // What follows a frame that was never acknowledged was not acknowledged either.
    if (!acknowledged && frame?.isWhole !== true) break;
    current = frame?.head.record.leaderEpoch ?? current;
    if (frame === undefined || frame.data === null) lost.push(sequence);
    else commits.push(commitOf(frame, frame.data, current));
  }
  return { commits, lost };
}

function commitOf({ head, isWhole }: ScannedFrame, data: readonly Buffer[], leaderEpoch: number): RecoveredCommit {
  const damaged = isWhole ? [] : repairData(data, head, leaderEpoch);
  return { sequence: head.sequence, record: head.record, data, damaged };
}
