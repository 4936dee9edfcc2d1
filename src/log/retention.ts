/** Which old segments go, by Kafka's rules: whole ones, the oldest first, up to the first that stays. Holds keep some of them. */
import type { HeldAt, HoldLimit } from './holds.ts';
import type { Partition } from './partition.ts';
import type { TopicRules } from './topic-rules.ts';

export interface RetentionResult {
  /** The offset up to which records go: the partition's start where none do. */
  readonly start: bigint;
  /** Kept only because a reader holds them. */
  readonly heldBytes: number;
  /** Oldest of what is held, ms past the retention. */
  readonly heldMs: number;
  /** The reader stands below the start: it was past the limit. */
  readonly left: boolean;
}

interface Expired {
  readonly end: bigint;
  readonly size: number;
  /** Largest time of its records, ms since 1970. */
  readonly time: number;
}

/** @param heldBytes so far, in other partitions */
export async function retention(
  partition: Partition,
  rules: TopicRules,
  nowMs: number,
  holding: { readonly held: HeldAt | null; readonly limit: HoldLimit; readonly heldBytes: number },
): Promise<RetentionResult> {
  const expired = await expiredSegments(partition, rules, nowMs);
  const { held, limit } = holding;
  let { start } = partition;
  const ageMs = ({ time }: Expired) => nowMs - time - (Number.isFinite(rules.retentionMs) ? rules.retentionMs : 0);
  let kept = expired.filter(({ end }) => held !== null && held.offset < end);
  let bytes = kept.reduce((sum, { size }) => sum + size, 0);
  // The oldest go first, as without a hold.
  while (kept.length > 0 && (holding.heldBytes + bytes > limit.bytes || ageMs(kept[0]!) > limit.ms)) {
    bytes -= kept[0]!.size;
    kept = kept.slice(1);
  }
  const going = expired.slice(0, expired.length - kept.length).at(-1);
  if (going !== undefined && going.end > start) start = going.end;
  return {
    start,
    heldBytes: bytes,
    heldMs: kept[0] === undefined ? 0 : ageMs(kept[0]),
    left: held !== null && held.offset < start && start > partition.start,
  };
}

/** What is too old or too much, the oldest first. */
async function expiredSegments(
  partition: Partition,
  { deletes, retentionMs, retentionBytes }: TopicRules,
  nowMs: number,
): Promise<Expired[]> {
  const expired: Expired[] = [];
  if (!deletes) return expired;
  let excess = partition.sizeBytes - retentionBytes;
  for (const segment of [...partition.segments]) {
    const { size, base } = segment;
    const time = await segment.maxTime();
    if (size === 0 || (nowMs - time <= retentionMs && excess < size)) break;
    excess -= size;
    expired.push({ end: partition.segmentEnd(base), size, time });
  }
  return expired;
}
