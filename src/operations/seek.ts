/** Moves the offsets of a consumer group: a plan that is shown, then exactly that. */
import { TailraceError } from '../contracts/errors.ts';
import type { PartitionInfo } from '../contracts/log.ts';
import type { TimeIndex } from '../contracts/log-admin.ts';
import type { GroupMembership, GroupSeeker, SeekMove, SeekPlan, SeekRequest, SeekTo } from '../contracts/operations.ts';
import { quoted } from '../lib/printable.ts';
import { committedOffsets, isSinkGroup } from './group-offsets.ts';
import { batchesFrom } from './read-records.ts';
import { type ReadableLog, topicOf } from './readable-log.ts';

export interface SeekerOptions {
  readonly log: ReadableLog;
  readonly times: TimeIndex | undefined;
  /** Null: no listener runs, so groups of outside clients are not served. */
  readonly membership: GroupMembership | null;
}

interface Place {
  readonly topic: string;
  readonly info: PartitionInfo;
}

export function groupSeeker(options: SeekerOptions): GroupSeeker {
  return { plan: (request) => plan(options, request), apply: (wanted) => apply(options, wanted) };
}

async function plan(options: SeekerOptions, request: SeekRequest): Promise<SeekPlan> {
  const { log, membership } = options;
  const { group, seek } = request;
  checkGroup(group);
  const committed = committedOffsets(log);
  const own = committed.get(group) ?? [];
  const moves: SeekMove[] = [];
  for (const place of placesOf(log, request)) {
    const { topic, info } = place;
    const to = await target(options, seek, place);
    if (to === null) continue;
    const from = own.find((one) => one.topic === topic && one.partition === info.partition)?.offset;
    moves.push({ topic, partition: info.partition, from: from === undefined ? null : String(from), to: String(to) });
  }
  return { group, members: membership?.get(group)?.members.length ?? 0, moves };
}

async function apply({ log, membership }: SeekerOptions, { group, moves }: Pick<SeekPlan, 'group' | 'moves'>) {
  checkGroup(group);
  if (membership === null) {
    throw new TailraceError(
      'log.not_offered',
      'groups of outside clients are served by the Kafka listener, which is off',
      {
        remedy: 'set kafka.listen in tailrace.yaml and start the instance again',
      },
    );
  }
  const own = committedOffsets(log).get(group) ?? [];
  for (const { topic, partition, from, to } of moves) {
    const now = own.find((one) => one.topic === topic && one.partition === partition)?.offset;
    if ((now === undefined ? null : String(now)) !== from) throw changed(group);
    const info = topicOf(log, topic).partitions.find((one) => one.partition === partition);
    if (info === undefined || BigInt(to) < info.startOffset || BigInt(to) > info.endOffset) throw changed(group);
  }
  const durable = membership.setOffsets(
    group,
    moves.map(({ topic, partition, to }) => ({ topic, partition, offset: BigInt(to) })),
  );
  if (durable === null) throw active(group, membership.get(group)?.members.length ?? 0);
  await durable;
}

function checkGroup(group: string): void {
  if (group === '' || group.includes('\n')) throw new TailraceError('group.invalid', 'a group needs a name');
  if (!isSinkGroup(group)) return;
  throw new TailraceError(
    'group.reserved',
    `${quoted(group)} is a sink of Tailrace: its offsets belong to what its target holds`,
    {
      remedy: 'to fill a target from the beginning, give the sink another name in its pipeline file',
    },
  );
}

export function active(group: string, members: number): TailraceError {
  const count = members === 1 ? 'a member' : `${members} members`;
  return new TailraceError('group.active', `${quoted(group)} has ${count}, whose commits would undo the seek`, {
    remedy: 'stop its consumers, wait until tailrace groups describe shows it Empty, and seek again',
  });
}

function changed(group: string): TailraceError {
  return new TailraceError(
    'group.changed',
    `the offsets of ${quoted(group)} or its topics have changed since the preview`,
    {
      remedy: 'look at a new preview: tailrace groups seek',
    },
  );
}

/** Which partitions are moved. */
function placesOf(log: ReadableLog, { group, seek, topics, partitions }: SeekRequest): Place[] {
  const committed = committedOffsets(log);
  const model = seek.to === 'group' ? seek.group : group;
  const known = committed.get(model) ?? [];
  if (seek.to === 'group' && known.length === 0) {
    throw new TailraceError('group.not_found', `the group ${quoted(seek.group)} has no offsets`, {
      remedy: 'tailrace groups ls lists those that have',
    });
  }
  if (known.length === 0 && topics === null) {
    throw new TailraceError('group.not_found', `the group ${quoted(group)} has no offsets yet`, {
      remedy: 'name the topics to give it some: --topic TOPIC',
    });
  }
  const isWanted = (partition: number) => partitions === null || partitions.includes(partition);
  const places =
    topics === null
      ? known.flatMap(({ topic, partition }) => {
          const info = log.topics.get(topic)?.partitions[partition];
          return info === undefined || !isWanted(partition) ? [] : [{ topic, info }];
        })
      : topics.flatMap((topic) =>
          topicOf(log, topic)
            .partitions.filter(({ partition }) => isWanted(partition))
            .map((info) => ({ topic, info })),
        );
  if (places.length > 0) return places;
  throw new TailraceError('group.invalid', 'no partition is left to move', {
    remedy: 'tailrace groups describe shows those that the group has',
  });
}

/** Null: leave the partition as it is. */
async function target(options: SeekerOptions, seek: SeekTo, place: Place): Promise<bigint | null> {
  const { startOffset, endOffset } = place.info;
  switch (seek.to) {
    case 'earliest':
      return startOffset;
    case 'latest':
      return endOffset;
    case 'time':
      return firstSince(options, place, seek.ms);
    case 'offset':
      return checked(place, BigInt(seek.offset), 'an offset that is there, or --to-earliest, --to-latest');
    default: {
      const other = committedOffsets(options.log).get(seek.group) ?? [];
      const found = other.find(({ topic, partition }) => topic === place.topic && partition === place.info.partition);
      if (found === undefined) return null;
      return checked(place, found.offset, '--to-earliest or --to-latest; that group’s offset is gone');
    }
  }
}

/** Invariant 5: an offset that is not there is refused, never moved to where there is one. */
function checked({ topic, info }: Place, offset: bigint, remedy: string): bigint {
  const { partition, startOffset, endOffset } = info;
  if (offset >= startOffset && offset <= endOffset) return offset;
  const message = `${topic}[${partition}] has the offsets ${startOffset} to ${endOffset}, not ${offset}`;
  throw new TailraceError('log.offset_out_of_range', message, { remedy: `name ${remedy}` });
}

/** Offset of the first record at or after a time; the end when there is none. */
async function firstSince({ log, times }: SeekerOptions, { topic, info }: Place, ms: number): Promise<bigint> {
  const { partition, startOffset, endOffset } = info;
  if (startOffset === endOffset) return endOffset;
  const batch = times === undefined ? null : await times.firstSince(topic, partition, startOffset, ms);
  if (times !== undefined && batch === null) return endOffset;
  const from = batch !== null && batch.baseOffset > startOffset ? batch.baseOffset : startOffset;
  for await (const candidate of batchesFrom(log, { topic, partition, from, end: endOffset })) {
    for (const { offset, timestamp } of candidate.records()) {
      if (offset >= from && timestamp >= ms) return offset;
    }
  }
  return endOffset;
}
