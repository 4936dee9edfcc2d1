/**
 * Large commits: their batches go straight to the end of their segments, once and not twice, and the frame only says where.
 * Behind a segment's counted bytes nothing is read until the frame is durable; a crash before that leaves bytes that the next
 * write covers.
 */
import type { BatchEntry, CommitRecord, DirectEntry } from './commit-record.ts';
import type { LogState } from './state.ts';
import type { FrameContent } from './wal.ts';

/** Bytes of one partition in one commit above which a second fdatasync costs less than writing them twice. */
export const DIRECT_BYTES = 1 << 20;
/** Each costs an fdatasync. */
const MAX_PARTITIONS = 4;

interface PartitionBatches {
  readonly entries: BatchEntry[];
  readonly data: Uint8Array[];
  bytes: number;
}

/** True when batches of a partition of the commit wait for a checkpoint. */
export function isHeldUp(state: LogState, { batches = [] }: CommitRecord): boolean {
  return batches.some(([topic, number]) => state.partition(topic, number).hasUncounted);
}

/** Writes what can be written so; what cannot stays in the frame. @param minBytes of a partition in the commit */
export async function writeDirect(
  state: LogState,
  { record, data }: FrameContent,
  minBytes: number,
): Promise<FrameContent> {
  const direct: DirectEntry[] = [];
  const inline: PartitionBatches = { entries: [], data: [], bytes: 0 };
  for (const group of byPartition(record.batches ?? [], data)) {
    const [topic, number, base] = group.entries[0]!;
    const partition = state.partition(topic, number);
    // Recovery puts a frame's batches behind what the snapshot counts: nothing may stand between that it has not seen. And an
    // earlier commit of the same write comes first and is not visible yet.
    const follows = partition.end === BigInt(base) && !partition.hasUncounted;
    if (group.bytes < minBytes || direct.length >= MAX_PARTITIONS || !follows) {
      inline.entries.push(...group.entries);
      inline.data.push(...group.data);
      continue;
    }
    const place = await partition.writeDirect(BigInt(base), group.data);
    direct.push({ ...place, batches: group.entries });
  }
  if (direct.length === 0) return { record, data };
  const { batches: _, ...rest } = record;
  const changed: CommitRecord = {
    ...rest,
    direct,
    ...(inline.entries.length === 0 ? {} : { batches: inline.entries }),
  };
  return { record: changed, data: inline.data };
}

function byPartition(entries: readonly BatchEntry[], data: readonly Uint8Array[]): Iterable<PartitionBatches> {
  const groups = new Map<string, PartitionBatches>();
  for (const [i, entry] of entries.entries()) {
    const name = `${entry[0]}\0${entry[1]}`;
    let group = groups.get(name);
    if (group === undefined) groups.set(name, (group = { entries: [], data: [], bytes: 0 }));
    group.entries.push(entry);
    group.data.push(data[i]!);
    group.bytes += data[i]!.length;
  }
  return groups.values();
}
