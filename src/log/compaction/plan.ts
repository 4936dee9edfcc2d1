/** When and how far a partition is compacted, by Kafka's rules. */
import type { Partition } from '../partition.ts';
import type { TopicRules } from '../topic-rules.ts';

/** Offsets [from, to) that no compaction has seen and that the next one takes: whole segments that nothing is added to. */
export interface DirtyRange {
  readonly from: bigint;
  readonly to: bigint;
}

/**
 * Null when there is too little to do.
 * @param hold a reader needs every change from this offset on, but none of those older than `holdMs`; null: none
 * @param force whatever the part of the log that is dirty
 */
export async function dirtyRange(
  partition: Partition,
  rules: TopicRules,
  options: { readonly nowMs: number; readonly hold: bigint | null; readonly holdMs: number; readonly force: boolean },
): Promise<DirtyRange | null> {
  const { nowMs, hold, holdMs, force } = options;
  let from = partition.start;
  if (partition.compactedTo > from) from = partition.compactedTo;
  let to = from;
  let clean = 0;
  let dirty = 0;
  let overdue = false;
  for (const segment of [...partition.closed]) {
    const end = partition.segmentEnd(segment.base);
    if (end <= from) {
      clean += segment.size;
      continue;
    }
    if (hold !== null && end > hold && nowMs - (await segment.maxTime()) <= holdMs) break;
    if (rules.minCompactionLagMs > 0 && (await segment.maxTime()) > nowMs - rules.minCompactionLagMs) break;
    overdue ||= (await segment.firstTime()) < nowMs - rules.maxCompactionLagMs;
    dirty += segment.size;
    to = end;
  }
  const due = force || overdue || dirty / (clean + dirty) >= rules.minDirtyRatio;
  return to > from && due ? { from, to } : null;
}
