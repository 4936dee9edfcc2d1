/** Which old segments go, by Kafka's rules: whole ones, the oldest first, up to the first that stays. */
import type { Partition } from './partition.ts';
import type { TopicRules } from './topic-rules.ts';

/** The offset up to which records are too old or too many: the partition's start where none are. */
export async function retentionStart(
  partition: Partition,
  { deletes, retentionMs, retentionBytes }: TopicRules,
  nowMs: number,
): Promise<bigint> {
  if (!deletes) return partition.start;
  let start = partition.start;
  let excess = partition.sizeBytes - retentionBytes;
  for (const segment of partition.segments) {
    const { size, base } = segment;
    const old = nowMs - (await segment.maxTime()) > retentionMs;
    if (size === 0 || (!old && excess < size)) break;
    excess -= size;
    const end = partition.segmentEnd(base);
    if (end > start) start = end;
  }
  return start;
}
