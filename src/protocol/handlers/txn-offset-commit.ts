import type { TopicPartition } from '../../contracts/log.ts';
import type { RequestOf } from '../../wire/messages/api.ts';
import { KafkaError, type KafkaErrorCode } from '../../wire/messages/error-codes.ts';
import { txnOffsetCommit } from '../../wire/messages/txn-offset-commit.ts';
import type { Broker } from '../broker.ts';
import { changeRefusal } from '../groups/group-access.ts';
import { offsetValue } from '../groups/offsets.ts';
import { errorCodeOf } from '../log-errors.ts';
import { handler } from '../request.ts';
import type { Access } from '../security/access.ts';
import { Operation } from '../security/acls.ts';
import { abortableAs, fencedAs } from '../transactions/error-codes.ts';
import { partitionRefusal } from './offset-commit.ts';

/** From here on the group is added to the transaction by this request. */
const ADDS_FROM = 5;
const ABORTABLE_FROM = 4;

type Request = RequestOf<typeof txnOffsetCommit>;
type RequestPartition = Request['topics'][number]['partitions'][number];

/** Offsets that become durable with the transaction, or not at all. */
export function txnOffsetCommitHandler(broker: Broker) {
  return handler(txnOffsetCommit, async (request, { header, access }) => {
    const version = header.apiVersion;
    const refusal = requestRefusal(broker, access, request);
    const topics = [];
    for (const { name, partitions } of request.topics) {
      const answers = [];
      for (const partition of partitions) {
        const outcome =
          refusal ??
          partitionRefusal(broker, access, name, partition) ??
          (await stage(broker, request, { topic: name, partition: partition.partitionIndex }, partition, version));
        // No client expects PRODUCER_FENCED here.
        const errorCode = fencedAs(abortableAs(outcome, version >= ABORTABLE_FROM), false);
        answers.push({ partitionIndex: partition.partitionIndex, errorCode });
      }
      topics.push({ name, partitions: answers });
    }
    return { topics };
  });
}

function requestRefusal({ groups }: Broker, access: Access, request: Request): KafkaErrorCode | null {
  const { transactionalId, groupId, memberId, groupInstanceId, generationId } = request;
  if (!access.transactionalId(Operation.WRITE, transactionalId)) {
    return KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
  }
  const identity = { memberId, instanceId: groupInstanceId };
  return changeRefusal(access, groupId, Operation.READ) ?? groups.commitRefusal(groupId, identity, generationId, true);
}

async function stage(
  { transactions, clock }: Broker,
  { transactionalId, groupId, producerId, producerEpoch }: Request,
  place: TopicPartition,
  { committedOffset, committedLeaderEpoch, committedMetadata }: RequestPartition,
  version: number,
): Promise<KafkaErrorCode> {
  const committed = { offset: committedOffset, leaderEpoch: committedLeaderEpoch, metadata: committedMetadata ?? '' };
  const offset = { group: groupId, place, value: offsetValue(committed, clock.now()) };
  const identity = { producerId, epoch: producerEpoch };
  try {
    return await transactions.commitOffset(transactionalId, identity, offset, version >= ADDS_FROM);
  } catch (error) {
    return errorCodeOf(error);
  }
}
