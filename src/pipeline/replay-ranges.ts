/** From where to where a replay reads each topic. */
import type { Envelope } from '../contracts/envelope.ts';
import { TailraceError } from '../contracts/errors.ts';
import type { Log, PartitionInfo } from '../contracts/log.ts';
import type { ReplayPlace, ReplayPlan } from '../contracts/replay.ts';
import type { SinkPositions } from '../contracts/sink.ts';
import type { ReplayedTopic } from './replay-state.ts';
import { SchemaFeed } from './schema-feed.ts';

const READ_BYTES = 1 << 20;

export interface RangeOptions {
  readonly log: Log;
  readonly envelope: Envelope;
  readonly sources: readonly string[];
  /** Topics to be read again, where the sink stands in them. */
  readonly positions: SinkPositions;
  readonly everyChange: boolean;
}

export interface ReplayRanges {
  readonly topics: Readonly<Record<string, ReplayedTopic>>;
  readonly notes: readonly string[];
}

/** @param to null: where the sink stands. Throws `replay.invalid`, `log.offset_out_of_range`. */
export async function replayRanges(
  options: RangeOptions,
  from: ReplayPlace,
  to: ReplayPlace | null,
): Promise<ReplayRanges> {
  const { log, positions, everyChange } = options;
  const [starts, ends] = [await offsetsOf(options, from, '--from'), to && (await offsetsOf(options, to, '--to'))];
  const topics: Record<string, ReplayedTopic> = {};
  const notes: string[] = [];
  for (const { topic, next } of positions) {
    const info = log.topics.get(topic)?.partitions[0];
    if (info === undefined) continue;
    const wanted = starts.get(topic) ?? next;
    const start = from.at === 'start' || wanted >= info.startOffset ? wanted : info.startOffset;
    const end = ends?.get(topic) ?? next;
    const until = lower(end, next);
    const first = lower(start, until);
    topics[topic] = { from: first, until, onward: next };
    notes.push(...notesOf(topic, info, first, until, everyChange));
  }
  return { topics, notes };
}

const lower = (a: bigint, b: bigint): bigint => (a < b ? a : b);

export function planOf({ topics, notes }: ReplayRanges): ReplayPlan {
  const ranges = Object.entries(topics)
    .filter(([, { from, until }]) => from < until)
    .map(([topic, { from, until }]) => ({ topic, from: String(from), until: String(until) }));
  const records = Object.values(topics).reduce((sum, { from, until }) => sum + Number(until - from), 0);
  return { ranges, records, notes };
}

function notesOf(topic: string, info: PartitionInfo, from: bigint, until: bigint, everyChange: boolean): string[] {
  const compacted = info.compactedTo ?? 0n;
  if (from >= until || compacted <= from) return [];
  const last = `${topic}: below offset ${compacted} the log has only the last change of each row`;
  return [everyChange ? `${last}: earlier ones are not written again` : last];
}

/** Offset per topic: of the first record at or after the place. */
async function offsetsOf(options: RangeOptions, place: ReplayPlace, option: string): Promise<Map<string, bigint>> {
  const { log, positions } = options;
  const start = (topic: string) => log.topics.get(topic)?.partitions[0]?.startOffset ?? 0n;
  switch (place.at) {
    case 'start':
      return new Map(positions.map(({ topic }) => [topic, start(topic)]));
    case 'offset':
      return offsetIn(options, BigInt(place.offset), option);
    case 'time':
      return firstOf(options, ({ timestamp }) => timestamp >= place.ms);
    default:
      return firstOfPosition(options, place.position, option);
  }
}

function offsetIn({ log, positions }: RangeOptions, offset: bigint, option: string): Map<string, bigint> {
  const [first, second] = positions;
  if (first === undefined || second !== undefined) {
    throw invalid(
      `${option} ${offset} is an offset, and the sink reads ${positions.length} topics`,
      'add --tables TABLE',
    );
  }
  const info = log.topics.get(first.topic)?.partitions[0];
  if (info !== undefined && offset >= info.startOffset && offset <= first.next) return new Map([[first.topic, offset]]);
  const range = info === undefined ? 'nothing' : `offsets ${info.startOffset} to ${first.next}`;
  throw new TailraceError(
    'log.offset_out_of_range',
    `${option} ${offset}: of ${first.topic} the sink has had ${range}`,
    {
      remedy: `name an offset in that range, or --from start`,
    },
  );
}

interface Seen {
  readonly timestamp: number;
  readonly version: bigint;
  readonly position: string;
}

/** The first record of each topic that the condition holds for, or where the sink stands. */
async function firstOf(options: RangeOptions, holds: (seen: Seen) => boolean): Promise<Map<string, bigint>> {
  const found = new Map<string, bigint>();
  for (const { topic, next } of options.positions) {
    found.set(topic, next);
    for await (const [offset, seen] of records(options, topic, next)) {
      if (!holds(seen)) continue;
      found.set(topic, offset);
      break;
    }
  }
  return found;
}

/** Versions rise in the order of commits, over all topics of a source: from that of the position on. */
async function firstOfPosition(options: RangeOptions, position: string, option: string): Promise<Map<string, bigint>> {
  let version: bigint | null = null;
  for (const { topic, next } of options.positions) {
    for await (const [, seen] of records(options, topic, next)) {
      if (seen.position !== position) continue;
      if (version === null || seen.version < version) version = seen.version;
      break;
    }
  }
  if (version !== null) return firstOf(options, (seen) => seen.version >= version!);
  throw invalid(
    `${option} ${position}: the sink has had no change of a commit at that position`,
    'tailrace tap PIPELINE and tailrace topics read TOPIC show positions that there are; an offset or a time is found too',
  );
}

/** What can be read of a topic up to an offset. */
async function* records(
  { log, envelope, sources }: RangeOptions,
  topic: string,
  end: bigint,
): AsyncGenerator<readonly [offset: bigint, seen: Seen]> {
  const schemas = new SchemaFeed(log, envelope, sources);
  await schemas.catchUp();
  let next = log.topics.get(topic)?.partitions[0]?.startOffset ?? end;
  while (next < end) {
    const batches = await log.read(topic, 0, next, READ_BYTES);
    if (batches.length === 0) return;
    for (const record of batches.flatMap((batch) => [...batch.records()])) {
      if (record.offset < next || record.offset >= end || record.value === null) continue;
      const seen = seenIn(() => envelope.decode(record, schemas.store));
      if (seen !== null) yield [record.offset, { timestamp: record.timestamp, ...seen }];
    }
    next = batches.at(-1)!.nextOffset;
  }
}

/** Null for what cannot be decoded: it has no place of its own. */
function seenIn(decode: () => Pick<Seen, 'version' | 'position'> | null): Pick<Seen, 'version' | 'position'> | null {
  try {
    const change = decode();
    return change === null ? null : { version: change.version, position: change.position };
  } catch {
    return null;
  }
}

function invalid(message: string, remedy: string): TailraceError {
  return new TailraceError('replay.invalid', message, { remedy });
}
