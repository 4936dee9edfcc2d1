/** Committed offsets of consumer groups, as the log keeps them: the listener's groups and Tailrace's sinks alike. */
import { TailraceError } from '../contracts/errors.ts';
import type { TopicPartition } from '../contracts/log.ts';
import type {
  GroupDescription,
  GroupMembership,
  GroupOffset,
  GroupReader,
  GroupSummary,
} from '../contracts/operations.ts';
import { didYouMean } from '../lib/did-you-mean.ts';
import { quoted } from '../lib/printable.ts';
import { readBatchHeader } from '../wire/record-batch.ts';
import type { ReadableLog } from './readable-log.ts';

const PREFIX = 'group/';
/** Groups of Tailrace's own sinks. */
const SINK_PREFIX = 'tailrace.';

export interface Committed extends TopicPartition {
  readonly offset: bigint;
}

export function isSinkGroup(group: string): boolean {
  return group.startsWith(SINK_PREFIX);
}

/** Name of the checkpoint that holds a group's offset in a partition. */
export function groupCheckpoint(group: string, { topic, partition }: TopicPartition): string {
  return `${PREFIX}${group}/${topic}/${partition}`;
}

/** By group. A checkpoint is `group/<group>/<topic>/<partition>`; its value a bare offset, or JSON with one. */
export function committedOffsets({ checkpoints }: ReadableLog): ReadonlyMap<string, readonly Committed[]> {
  const groups = new Map<string, Committed[]>();
  for (const [name, value] of checkpoints.list(PREFIX)) {
    // A group's name may hold slashes, a topic's may not.
    const [, group, topic, partition] = /^group\/(.*)\/([^/]+)\/(\d+)$/s.exec(name) ?? [];
    if (group === undefined || topic === undefined) continue;
    const offset = value.startsWith('{') ? (JSON.parse(value) as { offset: string }).offset : value;
    const list = groups.get(group) ?? [];
    list.push({ topic, partition: Number(partition), offset: BigInt(offset) });
    groups.set(group, list);
  }
  return groups;
}

/** @param membership null: no listener runs here, so nobody is in any group */
export function groupReader(log: ReadableLog, membership: GroupMembership | null): GroupReader {
  const stateOf = (group: string) => (isSinkGroup(group) ? 'Sink' : (membership?.get(group)?.state ?? 'Empty'));
  return {
    list() {
      const committed = committedOffsets(log);
      const names = new Set([...committed.keys(), ...(membership?.names() ?? [])]);
      return [...names].sort().map((name): GroupSummary => {
        const offsets = placed(log, committed.get(name) ?? []);
        const lag = offsets.reduce((sum, one) => sum + BigInt(one.lag ?? 0), 0n);
        return { name, state: stateOf(name), members: membership?.get(name)?.members.length ?? 0, lag: String(lag) };
      });
    },
    describe(name): GroupDescription {
      const committed = committedOffsets(log);
      checkKnown(name, committed, membership);
      const offsets = placed(log, committed.get(name) ?? []);
      return { name, state: stateOf(name), members: membership?.get(name)?.members ?? [], offsets };
    },
    oldest: () => oldestTimes(log),
  };
}

/** Reads of the log for one answer: each is a batch. */
const MAX_READS = 200;

async function oldestTimes(log: ReadableLog): Promise<ReadonlyMap<string, number>> {
  const times = new Map<string, number>();
  let reads = 0;
  for (const [group, committed] of committedOffsets(log)) {
    if (isSinkGroup(group)) continue;
    for (const { topic, partition, offset } of committed) {
      const info = log.topics.get(topic)?.partitions[partition];
      if (info === undefined || info.endOffset <= offset || ++reads > MAX_READS) continue;
      // What retention took meanwhile cannot be read, nor what is damaged: the group hears of it itself.
      const [batch] = await log.read(topic, partition, max(offset, info.startOffset), 1).catch(() => []);
      if (batch === undefined) continue;
      const ms = readBatchHeader(batch.bytes, 0).maxTimestamp;
      if (ms < 0) continue;
      times.set(group, Math.min(times.get(group) ?? ms, ms));
    }
  }
  return times;
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

function checkKnown(name: string, committed: ReadonlyMap<string, unknown>, membership: GroupMembership | null): void {
  if (committed.has(name) || membership?.get(name) !== undefined) return;
  throw new TailraceError('group.not_found', `there is no group ${quoted(name)}`, {
    remedy: didYouMean(name, [...committed.keys(), ...(membership?.names() ?? [])]) ?? 'tailrace groups ls lists them',
  });
}

function placed(log: ReadableLog, committed: readonly Committed[]): GroupOffset[] {
  return committed.map(({ topic, partition, offset }) => {
    const info = log.topics.get(topic)?.partitions[partition];
    const lag = info === undefined ? null : info.endOffset > offset ? info.endOffset - offset : 0n;
    return {
      topic,
      partition,
      offset: String(offset),
      start: info === undefined ? null : String(info.startOffset),
      end: info === undefined ? null : String(info.endOffset),
      lag: lag === null ? null : String(lag),
    };
  });
}
