/** Records of a topic within a range. Nothing is held but the batch at hand (Invariant 10). */
import { TailraceError } from '../contracts/errors.ts';
import type { Log, LogRecord, PartitionInfo, StoredBatch } from '../contracts/log.ts';
import type { TimeIndex } from '../contracts/log-admin.ts';
import type { ReadRequest, ShownRecord } from '../contracts/operations.ts';
import { CONTROL_BIT } from '../wire/batch-header.ts';
import { readBatchHeader } from '../wire/record-batch.ts';
import { type ReadableLog, topicOf } from './readable-log.ts';
import { shownBytes } from './shown-bytes.ts';

const READ_BYTES = 1 << 20;
/** Of a list of records: about, in bytes of their keys and values. */
const LIST_BYTES = 256 << 10;
const LIST_RECORDS = 1_000;
/** A search from the end that found too little goes back this many times further. */
const FURTHER = 4n;

interface Range {
  readonly topic: string;
  readonly partition: number;
  readonly from: bigint;
  /** Not included. */
  readonly end: bigint;
  accepts(record: LogRecord): boolean;
  /** A batch whose newest record is older has nothing to accept. */
  readonly sinceMs: number;
}

export async function* readTopic(
  log: ReadableLog,
  times: TimeIndex | undefined,
  request: ReadRequest,
  signal: AbortSignal,
): AsyncGenerator<readonly ShownRecord[], void, undefined> {
  let left = request.limit ?? Number.POSITIVE_INFINITY;
  const partitions = partitionsOf(log, request);
  // All ranges are fixed before the first record is given: what is written meanwhile is not read.
  const ranges = partitions.map((partition) => rangeOf(request, partition, partitions.length === 1));
  const following = request.follow ? followed(log, waiterOf(log), ranges, signal) : none();
  for (const range of ranges) {
    for await (const list of lists(recordsFrom(log, times, request, range), range.partition)) {
      if (left === 0 || signal.aborted) return;
      const given = list.slice(0, left);
      left -= given.length;
      yield given;
    }
  }
  if (left === 0) return;
  for await (const list of following) {
    const given = list.slice(0, left);
    left -= given.length;
    yield given;
    if (left === 0) return;
  }
}

function waiterOf(log: ReadableLog): Log['waitFor'] {
  if (log.waitFor !== undefined) return (positions, signal) => log.waitFor!(positions, signal);
  throw new TailraceError('instance.not_running', 'nothing is written while no instance runs', {
    remedy: 'start it with tailrace run, or read without --follow',
  });
}

async function* none(): AsyncGenerator<readonly ShownRecord[], void, undefined> {}

/** What comes after the ranges, until the signal aborts. */
async function* followed(
  log: ReadableLog,
  waitFor: Log['waitFor'],
  ranges: readonly Range[],
  signal: AbortSignal,
): AsyncGenerator<readonly ShownRecord[], void, undefined> {
  const next = ranges.map((range) => ({ range, topic: range.topic, partition: range.partition, offset: range.end }));
  while (!signal.aborted) {
    for (const at of next) {
      const end = topicOf(log, at.topic).partitions.find(({ partition }) => partition === at.partition)?.endOffset;
      if (end === undefined || end <= at.offset) continue;
      yield* lists(recordsIn(log, { ...at.range, from: at.offset, end }), at.partition);
      at.offset = end;
    }
    try {
      await waitFor(next, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}

/** Throws `topic.invalid` for a partition that is not there. */
function partitionsOf(log: ReadableLog, { topic, partitions }: ReadRequest): readonly PartitionInfo[] {
  const all = topicOf(log, topic).partitions;
  if (partitions === null) return all;
  return partitions.map((wanted) => {
    const found = all.find(({ partition }) => partition === wanted);
    if (found !== undefined) return found;
    throw new TailraceError('topic.invalid', `${topic} has no partition ${wanted}`, {
      remedy: `it has the partitions 0 to ${all.length - 1}`,
    });
  });
}

function rangeOf(request: ReadRequest, info: PartitionInfo, isOnly: boolean): Range {
  const { topic, from, until, key } = request;
  const { partition, startOffset, endOffset } = info;
  const wanted = key === null ? null : Buffer.from(key);
  const sinceMs = from.at === 'time' ? from.ms : Number.NEGATIVE_INFINITY;
  const untilMs = until?.at === 'time' ? until.ms : Number.POSITIVE_INFINITY;
  const accepts = ({ timestamp, key: own }: LogRecord) =>
    timestamp >= sinceMs && timestamp < untilMs && (wanted === null || (own !== null && wanted.equals(own)));
  let first = from.at === 'end' ? endOffset : startOffset;
  if (from.at === 'offset') first = checkedOffset(topic, info, BigInt(from.offset), isOnly);
  const end = until?.at === 'offset' && BigInt(until.offset) < endOffset ? BigInt(until.offset) : endOffset;
  return { topic, partition, from: first, end, accepts, sinceMs };
}

/** Invariant 5: nothing is read from another place than was asked for. Beyond the end of one of several there is nothing. */
function checkedOffset(topic: string, info: PartitionInfo, offset: bigint, isOnly: boolean): bigint {
  const { partition, startOffset, endOffset } = info;
  if (offset >= startOffset && (offset <= endOffset || !isOnly)) return offset;
  throw new TailraceError(
    'log.offset_out_of_range',
    `${topic}[${partition}] has the offsets ${startOffset} to ${endOffset}, not ${offset}`,
    { remedy: 'read from earliest, from latest, or from an offset that is there' },
  );
}

async function* recordsFrom(
  log: ReadableLog,
  times: TimeIndex | undefined,
  request: ReadRequest,
  range: Range,
): AsyncGenerator<LogRecord, void, undefined> {
  const { from } = request;
  if (from.at === 'last') {
    const found = await lastOf(log, range, from.count);
    let skip = found.skip;
    for await (const record of recordsIn(log, { ...range, from: found.from })) {
      if (skip === 0) yield record;
      else skip--;
    }
    return;
  }
  if (from.at === 'time' && times !== undefined && range.from < range.end) {
    const first = await times.firstSince(range.topic, range.partition, range.from, from.ms);
    if (first === null) return;
    yield* recordsIn(log, { ...range, from: later(first.baseOffset, range.from) });
    return;
  }
  yield* recordsIn(log, range);
}

/** From where to read, and how many accepted records to leave out, so that the last `count` of the range are left. */
async function lastOf(log: ReadableLog, range: Range, count: number): Promise<{ from: bigint; skip: number }> {
  for (let width = BigInt(count); ; width *= FURTHER) {
    const from = later(range.end - width, range.from);
    let found = 0;
    for await (const _ of recordsIn(log, { ...range, from })) found++;
    if (found >= count || from === range.from) return { from, skip: Math.max(0, found - count) };
  }
}

function later(a: bigint, b: bigint): bigint {
  if (a > b) return a;
  return b;
}

async function* recordsIn(log: ReadableLog, range: Range): AsyncGenerator<LogRecord, void, undefined> {
  for await (const batch of batchesFrom(log, range)) {
    const { attributes, maxTimestamp } = readBatchHeader(batch.bytes, 0);
    if ((attributes & CONTROL_BIT) !== 0 || maxTimestamp < range.sinceMs) continue;
    for (const record of batch.records()) {
      if (record.offset >= range.end) return;
      if (record.offset >= range.from && range.accepts(record)) yield record;
    }
  }
}

/** Batches that begin below `end`, from the one that holds `from`. */
export async function* batchesFrom(
  log: ReadableLog,
  { topic, partition, from, end }: Pick<Range, 'topic' | 'partition' | 'from' | 'end'>,
): AsyncGenerator<StoredBatch, void, undefined> {
  for (let next = from; next < end; ) {
    const batches = await log.read(topic, partition, next, READ_BYTES);
    for (const batch of batches) {
      if (batch.baseOffset >= end) return;
      yield batch;
    }
    const last = batches.at(-1);
    if (last === undefined) return;
    next = last.nextOffset;
  }
}

async function* lists(
  records: AsyncGenerator<LogRecord, void, undefined>,
  partition: number,
): AsyncGenerator<ShownRecord[], void, undefined> {
  let list: ShownRecord[] = [];
  let bytes = 0;
  for await (const record of records) {
    list.push(shownRecord(record, partition));
    bytes += (record.key?.length ?? 0) + (record.value?.length ?? 0);
    if (bytes < LIST_BYTES && list.length < LIST_RECORDS) continue;
    yield list;
    list = [];
    bytes = 0;
  }
  if (list.length > 0) yield list;
}

function shownRecord({ offset, timestamp, key, value, headers }: LogRecord, partition: number): ShownRecord {
  return {
    partition,
    offset: String(offset),
    timestamp,
    key: shownBytes(key),
    value: shownBytes(value),
    headers: headers.map((header) => ({ key: header.key, value: shownBytes(header.value) })),
  };
}
