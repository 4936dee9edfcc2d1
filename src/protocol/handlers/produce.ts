/**
 * Appends record batches: one log transaction for all partitions of a request, and no answer before it is durable; or, in a
 * client's transaction, stages them.
 * https://kafka.apache.org/documentation/#protocol (acks: 0 no answer, 1 and -1 the same here, with one replica)
 */
import type { TopicInfo } from '../../contracts/log.ts';
import type { RequestOf, ResponseOf } from '../../wire/messages/api.ts';
import { KafkaError, type KafkaErrorCode } from '../../wire/messages/error-codes.ts';
import { produce } from '../../wire/messages/produce.ts';
import type { Broker } from '../broker.ts';
import { errorCodeOf } from '../log-errors.ts';
import { appendAll, type Entry, stageAll } from '../produce-append.ts';
import { isRejected, judgeBatch, type Rejected } from '../produced-batch.ts';
import { handler, type RequestContext } from '../request.ts';
import type { Access } from '../security/access.ts';
import { Operation } from '../security/acls.ts';
import { placeName } from '../transactions/staged-transaction.ts';

/** Older versions carry message sets of formats 0 and 1. */
const FIRST_SERVED_VERSION = 3;
const TWICE = refused(KafkaError.INVALID_REQUEST, 'the partition is named twice');
const NOWHERE = refused(KafkaError.UNKNOWN_TOPIC_OR_PARTITION, 'the topic or partition does not exist');

type Request = RequestOf<typeof produce>;
type Response = ResponseOf<typeof produce>;
type PartitionResponse = Response['responses'][number]['partitionResponses'][number];

export function produceHandler(broker: Broker) {
  return handler(produce, async (request, context) => {
    const entries = judgeRequest(broker, request, context);
    const { transactionalId } = request;
    const throttleTimeMs = broker.quotas.charge(context, 'produce', sizeOf(entries));
    if (transactionalId === null) await appendAll(broker, entries);
    else stageAll(broker, transactionalId, entries, context.header.apiVersion);
    const results = await Promise.all(entries.map(settle));
    if (request.acks !== 0) return { responses: byTopic(request, results), throttleTimeMs };
    // The client reads no answer: a closed connection tells it that something was wrong.
    if (results.some(({ errorCode }) => errorCode !== KafkaError.NONE)) context.closeAfter();
    return null;
  });
}

function sizeOf(entries: readonly Entry[]): number {
  return entries.reduce((sum, { batch }) => sum + (batch?.bytes.length ?? 0), 0);
}

function judgeRequest(broker: Broker, request: Request, { header, access }: RequestContext): Entry[] {
  const version = header.apiVersion;
  const requestRefused = requestRefusal(request, version, access);
  const seen = new Set<string>();
  return request.topicData.flatMap(({ name: topic, partitionData }) => {
    const info = broker.topics.get(topic);
    const refusal = requestRefused ?? topicRefusal(broker, access, topic, info);
    const rules = {
      version,
      maxBatchBytes: broker.topics.maxBatchBytes(topic, broker.limits.maxBatchBytes),
      keysNeeded: info?.settings.cleanup === 'compact',
      transactional: request.transactionalId !== null,
    };
    return partitionData.map(({ index: partition, records }): Entry => {
      const place = { topic, partition };
      const repeated = seen.has(placeName(place));
      seen.add(placeName(place));
      const at = info?.partitions[partition];
      const rejected = refusal ?? (repeated ? TWICE : at === undefined ? NOWHERE : null);
      if (rejected !== null || at === undefined)
        return { ...place, batch: null, logStart: -1n, outcome: rejected ?? NOWHERE };
      const header = judgeBatch(records, rules);
      if (isRejected(header)) return { ...place, batch: null, logStart: at.startOffset, outcome: header };
      const batch = { ...place, bytes: records!, header, from: at.endOffset };
      return { ...place, batch, logStart: at.startOffset, outcome: 0n };
    });
  });
}

function requestRefusal({ acks, transactionalId }: Request, version: number, access: Access): Rejected | null {
  if (version < FIRST_SERVED_VERSION) return refused(KafkaError.UNSUPPORTED_VERSION, 'Produce 3 is the oldest offered');
  if (acks < -1 || acks > 1) return refused(KafkaError.INVALID_REQUIRED_ACKS, 'acks must be -1, 0 or 1');
  if (transactionalId === null || access.transactionalId(Operation.WRITE, transactionalId)) return null;
  const message = 'not allowed to use the transactional id';
  return refused(KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, message);
}

function topicRefusal({ topics }: Broker, access: Access, topic: string, info: TopicInfo | undefined): Rejected | null {
  if (!access.topic(Operation.WRITE, topic)) {
    return refused(KafkaError.TOPIC_AUTHORIZATION_FAILED, 'not allowed to write to the topic');
  }
  if (info === undefined) return NOWHERE;
  if (topics.mayProduce(topic)) return null;
  return refused(KafkaError.TOPIC_AUTHORIZATION_FAILED, `only Tailrace itself writes to ${topic}`);
}

async function settle({ partition: index, logStart, outcome }: Entry): Promise<PartitionResponse> {
  const failed = (errorCode: KafkaErrorCode, errorMessage: string) => {
    return { index, errorCode, baseOffset: -1n, logStartOffset: logStart, recordErrors: [], errorMessage };
  };
  try {
    const settled = await outcome;
    if (typeof settled !== 'bigint') return failed(settled.errorCode, settled.message);
    return { index, errorCode: KafkaError.NONE, baseOffset: settled, logStartOffset: logStart, recordErrors: [] };
  } catch (error) {
    return failed(errorCodeOf(error), (error as Error).message);
  }
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
