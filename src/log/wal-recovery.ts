/**
 * Reads what a process left in the write-ahead log (DESIGN § 5, Recovery).
 *
 * A frame that does not verify ends the log there: it was being written, and never acknowledged. Unless a later frame
 * verifies whose `durableUpTo` reaches it: then it had been on disk, and its bytes are damaged since.
 */
import { join } from 'node:path';
import type { Files } from '../lib/files.ts';
import { type CommitRecord, decodeRecord } from './commit-record.ts';
import { FRAME_HEADER_BYTES, type FrameHead, frameBytes, frameHead, MAGIC, seedOf, verifyFrame } from './frame.ts';
import { FRAMES_AT, readWalHeader, type WalHeader } from './wal-file.ts';

export interface RecoveredCommit {
  readonly sequence: number;
  readonly record: CommitRecord;
  readonly data: readonly Uint8Array[];
}

export interface Recovery {
  readonly commits: readonly RecoveredCommit[];
  /** Sequences that were acknowledged and cannot be read. */
  readonly damaged: readonly number[];
  /** Epoch above that of every file. */
  readonly nextEpoch: number;
  readonly names: readonly string[];
}

interface LoadedFile extends WalHeader {
  readonly name: string;
  readonly bytes: Buffer;
}

interface Found {
  readonly head: FrameHead;
  readonly file: LoadedFile;
  readonly at: number;
}

/** @param after sequence that the snapshot holds; frames up to it are passed over */
export async function recoverWal(files: Files, dir: string, after: number): Promise<Recovery> {
  const names = (await files.list(dir)).filter((name) => name.endsWith('.wal'));
  const headers: (WalHeader & { readonly name: string })[] = [];
  for (const name of names) {
    const header = readWalHeader(await read(files, join(dir, name), FRAMES_AT));
    if (header !== null) headers.push({ ...header, name });
  }
  headers.sort((a, b) => a.epoch - b.epoch);
  const loaded: LoadedFile[] = [];
  for (const [i, header] of headers.entries()) {
    // All of its frames are in the snapshot.
    if ((headers[i + 1]?.firstSequence ?? Number.POSITIVE_INFINITY) <= after + 1) continue;
    loaded.push({ ...header, bytes: await read(files, join(dir, header.name), null) });
  }
  const bySequence = new Map<number, Found>();
  for (const file of loaded) for (const found of framesOf(file)) bySequence.set(found.head.sequence, found);
  const { wanted, damaged } = keep(bySequence, after);
  const nextEpoch = (headers.at(-1)?.epoch ?? 0) + 1;
  return { commits: wanted.map(commitOf), damaged, nextEpoch, names };
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

/** Every frame of this use of the file, also behind bytes that do not verify. */
function* framesOf(file: LoadedFile): Generator<Found> {
  const { bytes, epoch } = file;
  const seed = seedOf(epoch);
  const magic = Buffer.alloc(4);
  magic.writeUInt32LE(MAGIC);
  for (let at = FRAMES_AT; at + FRAME_HEADER_BYTES <= bytes.length; ) {
    const head = frameHead(bytes, at);
    if (head !== null && verifyFrame(bytes, at, head, seed)) {
      yield { head, file, at };
      at += frameBytes(head);
      continue;
    }
    const next = bytes.indexOf(magic, at + 1);
    if (next < 0) return;
    at = next;
  }
}

/** The frames to apply, in order, and the acknowledged ones that are missing among them. */
function keep(found: ReadonlyMap<number, Found>, after: number): { wanted: Found[]; damaged: number[] } {
  const sequences = [...found.keys()].filter((sequence) => sequence > after).sort((a, b) => a - b);
  let durable = after;
  for (const { head } of found.values()) durable = Math.max(durable, head.durableUpTo);
  const wanted: Found[] = [];
  const damaged: number[] = [];
  let expected = after + 1;
  for (const sequence of sequences) {
    // What follows a frame that was never acknowledged was not acknowledged either.
    if (sequence > expected && expected > durable) break;
    for (; expected < sequence && expected <= durable; expected++) damaged.push(expected);
    if (sequence > expected) break;
    wanted.push(found.get(sequence)!);
    expected = sequence + 1;
  }
  for (; expected <= durable; expected++) damaged.push(expected);
  return { wanted, damaged };
}

function commitOf({ head, file, at }: Found): RecoveredCommit {
  const metaAt = at + FRAME_HEADER_BYTES;
  const record = decodeRecord(file.bytes.subarray(metaAt, metaAt + head.metaBytes));
  const data: Uint8Array[] = [];
  let position = metaAt + head.metaBytes;
  for (const [, , , , size] of record.batches ?? []) {
    data.push(file.bytes.subarray(position, position + size));
    position += size;
  }
  return { sequence: head.sequence, record, data };
}
