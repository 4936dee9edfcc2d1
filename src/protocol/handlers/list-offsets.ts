/** Offsets by place (earliest, latest) and by time. With one replica and nothing moved elsewhere, local is all there is. */
import type { PartitionInfo, StoredBatch } from '../../contracts/log.ts';
import { MAX_DECOMPRESSED_BYTES } from '../../wire/compression/decompress.ts';
import type { RequestOf, ResponseOf } from '../../wire/messages/api.ts';
import { KafkaError, type KafkaErrorCode } from '../../wire/messages/error-codes.ts';
import { listOffsets } from '../../wire/messages/list-offsets.ts';
import { type RecordTime, recordTimes } from '../batch-times.ts';
import type { Broker } from '../broker.ts';
import { partitionLookup } from '../fetch-read.ts';
import { errorCodeOf } from '../log-errors.ts';
import { handler } from '../request.ts';
import { Operation } from '../security/acls.ts';

/** Timestamps that stand for places. */
const LATEST = -1n;
const EARLIEST = -2n;
const MAX_TIMESTAMP = -3n;
const EARLIEST_LOCAL = -4n;
const MAX_TIMESTAMP_FROM = 7;
const EARLIEST_LOCAL_FROM = 8;

type RequestTopic = RequestOf<typeof listOffsets>['topics'][number];
type RequestPartition = RequestTopic['partitions'][number];
type PartitionResponse = ResponseOf<typeof listOffsets>['topics'][number]['partitions'][number];

interface Found {
  readonly offset: bigint;
  readonly timestamp: bigint;
}

const NOT_FOUND: Found = { offset: -1n, timestamp: -1n };

export function listOffsetsHandler(broker: Broker) {
  return handler(listOffsets, async ({ replicaId, topics }, { header, access }) => {
    const partitionOf = partitionLookup(broker.log.topics);
    const one = async (topic: string, partition: RequestPartition): Promise<PartitionResponse> => {
      if (replicaId >= 0) return failed(partition, KafkaError.CLUSTER_AUTHORIZATION_FAILED);
      const info = partitionOf({ topic, partition: partition.partitionIndex });
      if (!access.topic(Operation.DESCRIBE, topic)) return failed(partition, KafkaError.TOPIC_AUTHORIZATION_FAILED);
      if (info === undefined) return failed(partition, KafkaError.UNKNOWN_TOPIC_OR_PARTITION);
      try {
        const place = await find(broker, topic, info, partition.timestamp, header.apiVersion);
        return place === null ? failed(partition, KafkaError.UNSUPPORTED_VERSION) : answered(partition, info, place);
      } catch (error) {
        return failed(partition, errorCodeOf(error));
      }
    };
    return {
      topics: await Promise.all(
        topics.map(async ({ name, partitions }) => {
          return { name, partitions: await Promise.all(partitions.map((partition) => one(name, partition))) };
        }),
      ),
    };
  });
}

/** Null for a timestamp that this version does not know. */
async function find(
  { times }: Broker,
  topic: string,
  { partition, startOffset, endOffset }: PartitionInfo,
  timestamp: bigint,
  version: number,
): Promise<Found | null> {
  if (timestamp === LATEST) return { offset: endOffset, timestamp: -1n };
  if (timestamp === EARLIEST) return { offset: startOffset, timestamp: -1n };
  if (timestamp === EARLIEST_LOCAL && version >= EARLIEST_LOCAL_FROM) return { offset: startOffset, timestamp: -1n };
  if (timestamp === MAX_TIMESTAMP && version >= MAX_TIMESTAMP_FROM) {
    const newest = await times.newest(topic, partition);
    return found(newest === null ? undefined : latestOf(recordsFrom(newest, startOffset)));
  }
  if (timestamp < 0n) return null;
  const wanted = Number(timestamp);
  for (let from = startOffset; ; ) {
    const batch = await times.firstSince(topic, partition, from, wanted);
    if (batch === null) return NOT_FOUND;
    const record = recordsFrom(batch, startOffset).find(({ timestamp }) => timestamp >= wanted);
    if (record !== undefined) return found(record);
    // Its newest records are gone: deleted, or compacted.
    from = batch.nextOffset;
  }
}

function recordsFrom({ bytes }: StoredBatch, startOffset: bigint): readonly RecordTime[] {
  return [...recordTimes(bytes, MAX_DECOMPRESSED_BYTES)].filter(({ offset }) => offset >= startOffset);
}

function found(record: RecordTime | undefined): Found {
  return record === undefined ? NOT_FOUND : { offset: record.offset, timestamp: BigInt(record.timestamp) };
}

function latestOf(records: readonly RecordTime[]): RecordTime | undefined {
  let latest = records[0];
  for (const record of records) if (record.timestamp > latest!.timestamp) latest = record;
  return latest;
}

function answered(
  { partitionIndex, timestamp, maxNumOffsets }: RequestPartition,
  { startOffset }: PartitionInfo,
  { offset, timestamp: time }: Found,
): PartitionResponse {
  // Version 0 lists starts of segments, newest first: here there is the end and the start.
  const list = timestamp === LATEST && startOffset < offset ? [offset, startOffset] : [offset];
  const oldStyleOffsets = offset < 0n ? [] : list.slice(0, Math.max(0, maxNumOffsets));
  return { partitionIndex, errorCode: KafkaError.NONE, offset, timestamp: time, oldStyleOffsets };
}

function failed({ partitionIndex }: RequestPartition, errorCode: KafkaErrorCode): PartitionResponse {
  return { partitionIndex, errorCode };
}
