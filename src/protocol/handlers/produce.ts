/**
 * Appends record batches: one log transaction for all partitions of a request, and no answer before it is durable.
 * https://kafka.apache.org/documentation/#protocol (acks: 0 no answer, 1 and -1 the same here, with one replica)
 */
import { TailraceError } from '../../contracts/errors.ts';
import type { EndOffsets, LogTransaction, TopicPartition } from '../../contracts/log.ts';
import { writeBigInt64 } from '../../lib/bytes.ts';
import type { RequestOf, ResponseOf } from '../../wire/messages/api.ts';
import { KafkaError, type KafkaErrorCode } from '../../wire/messages/error-codes.ts';
import { produce } from '../../wire/messages/produce.ts';
import type { BatchHeader } from '../../wire/record-batch.ts';
import type { Broker } from '../broker.ts';
import { errorCodeOf } from '../log-errors.ts';
import { isRejected, isTransactional, judgeBatch, type Rejected } from '../produced-batch.ts';
import { handler, type RequestContext } from '../request.ts';
import type { Access } from '../security/access.ts';
import { Operation } from '../security/acls.ts';

/** Older versions carry message sets of formats 0 and 1. */
const FIRST_SERVED_VERSION = 3;

type Request = RequestOf<typeof produce>;
type Response = ResponseOf<typeof produce>;
type PartitionResponse = Response['responses'][number]['partitionResponses'][number];

/** A valid batch on its way into the log. */
interface Accepted extends TopicPartition {
  readonly bytes: Buffer;
  readonly header: BatchHeader;
}

/** One partition of the request, and what became of it. */
interface Entry extends TopicPartition {
  readonly batch: Accepted | null;
  outcome: Rejected | bigint | Promise<bigint>;
}

export function produceHandler(broker: Broker) {
  return handler(produce, async (request, context) => {
    const entries = judgeRequest(broker, request, context);
    await appendAll(broker, entries);
    const results = await Promise.all(entries.map((entry) => settle(broker, entry)));
    if (request.acks !== 0) return { responses: byTopic(request, results) };
    // The client reads no answer: a closed connection tells it that something was wrong.
    if (results.some(({ errorCode }) => errorCode !== KafkaError.NONE)) context.closeAfter();
    return null;
  });
}

function judgeRequest(broker: Broker, request: Request, { header, access }: RequestContext): Entry[] {
  const version = header.apiVersion;
  const refusal = requestRefusal(request, version);
  const seen = new Set<string>();
  return request.topicData.flatMap(({ name: topic, partitionData }) =>
    partitionData.map(({ index: partition, records }): Entry => {
      const place = `${topic}/${partition}`;
      const repeated = seen.has(place) ? refused(KafkaError.INVALID_REQUEST, 'the partition is named twice') : null;
      seen.add(place);
      const rejected = refusal ?? repeated ?? topicRefusal(broker, access, topic, partition);
      if (rejected !== null) return { topic, partition, batch: null, outcome: rejected };
      const judged = judgeBatch(records, {
        version,
        maxBatchBytes: broker.topics.maxBatchBytes(topic, broker.limits.maxBatchBytes),
        keysNeeded: broker.log.topics.get(topic)?.settings.cleanup === 'compact',
      });
      if (isRejected(judged)) return { topic, partition, batch: null, outcome: judged };
      if (isTransactional(judged)) {
        const outcome = refused(KafkaError.INVALID_TXN_STATE, 'transactions are not offered');
        return { topic, partition, batch: null, outcome };
      }
      return { topic, partition, batch: { topic, partition, bytes: records!, header: judged }, outcome: 0n };
    }),
  );
}

function requestRefusal({ acks, transactionalId }: Request, version: number): Rejected | null {
  if (version < FIRST_SERVED_VERSION) return refused(KafkaError.UNSUPPORTED_VERSION, 'Produce 3 is the oldest offered');
  if (acks < -1 || acks > 1) return refused(KafkaError.INVALID_REQUIRED_ACKS, 'acks must be -1, 0 or 1');
  if (transactionalId === null) return null;
  return refused(KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, 'transactions are not offered');
}

function topicRefusal({ log, topics }: Broker, access: Access, topic: string, partition: number): Rejected | null {
  if (!access.topic(Operation.WRITE, topic)) {
    return refused(KafkaError.TOPIC_AUTHORIZATION_FAILED, 'not allowed to write to the topic');
  }
  const info = log.topics.get(topic);
  if (info === undefined || partition < 0 || partition >= info.partitions.length) {
    return refused(KafkaError.UNKNOWN_TOPIC_OR_PARTITION, 'the topic or partition does not exist');
  }
  if (topics.mayProduce(topic)) return null;
  return refused(KafkaError.TOPIC_AUTHORIZATION_FAILED, `only Tailrace itself writes to ${topic}`);
}

/** Commits what is valid. Afterwards every entry has its outcome, a promise where it depends on an earlier request. */
async function appendAll(broker: Broker, entries: readonly Entry[]): Promise<void> {
  if (entries.every(({ batch }) => batch === null)) return;
  const { promise: durable, resolve, reject } = Promise.withResolvers<EndOffsets>();
  durable.catch(() => {});
  const appended: Accepted[] = [];
  try {
    const ends = await broker.writer.commit({
      stage: async (transaction) => {
        for (const entry of entries) {
          if (entry.batch !== null && (await stage(broker, entry, entry.batch, transaction, durable))) {
            appended.push(entry.batch);
          }
        }
        return appended.length > 0;
      },
      assigned: (assigned, transaction) => {
        for (const batch of appended) {
          if (isIdempotent(batch)) broker.producers.assigned(batch, batch.header, baseOf(assigned, batch), transaction);
        }
      },
    });
    broker.failpoint('kafka.before-ack');
    resolve(ends);
  } catch (error) {
    reject(error);
    for (const batch of appended) {
      if (isIdempotent(batch)) broker.producers.restore(batch, batch.header.producerId);
    }
  }
}

/** Whether the batch has been appended; else the entry has its outcome. */
async function stage(
  broker: Broker,
  entry: Entry,
  batch: Accepted,
  transaction: LogTransaction,
  durable: Promise<EndOffsets>,
): Promise<boolean> {
  const offset = durable.then((ends) => baseOf(ends, batch));
  offset.catch(() => {});
  if (isIdempotent(batch)) {
    const verdict = broker.producers.judge(batch, batch.header);
    if (verdict.kind !== 'append') {
      entry.outcome = verdict.kind === 'duplicate' ? verdict.offset : verdict;
      return false;
    }
  }
  entry.outcome = offset;
  // The log counts from 0 and gives the batch its place; clients write anything here.
  writeBigInt64(batch.bytes, 0, 0n);
  await transaction.append(batch.topic, batch.partition, batch.bytes);
  if (isIdempotent(batch)) {
    broker.producers.append(batch, batch.header, offset, transaction, broker.clock.now());
  }
  return true;
}

function isIdempotent({ header }: Accepted): boolean {
  return header.producerId >= 0n;
}

function baseOf(ends: EndOffsets, { topic, partition }: TopicPartition): bigint {
  const end = ends.find((candidate) => candidate.topic === topic && candidate.partition === partition);
  if (end === undefined) throw new TailraceError('internal.bug', 'a committed partition has no end offset');
  return end.baseOffset;
}

async function settle(broker: Broker, { topic, partition, outcome }: Entry): Promise<PartitionResponse> {
  try {
    const settled = await outcome;
    if (typeof settled !== 'bigint') return failed(partition, settled.errorCode, settled.message);
    const logStartOffset = broker.log.topics.get(topic)?.partitions[partition]?.startOffset ?? -1n;
    return { index: partition, errorCode: KafkaError.NONE, baseOffset: settled, logStartOffset, recordErrors: [] };
  } catch (error) {
    return failed(partition, errorCodeOf(error), (error as Error).message);
  }
}

function failed(partition: number, errorCode: KafkaErrorCode, errorMessage: string): PartitionResponse {
  return { index: partition, errorCode, baseOffset: -1n, recordErrors: [], errorMessage };
}

/** In the shape of the request. */
function byTopic(request: Request, results: readonly PartitionResponse[]): Response['responses'] {
  let at = 0;
  return request.topicData.map(({ name, partitionData }) => {
    const partitionResponses = results.slice(at, at + partitionData.length);
    at += partitionData.length;
    return { name, partitionResponses };
  });
}

function refused(errorCode: KafkaErrorCode, message: string): Rejected {
  return { errorCode, message };
}
