import type { RequestOf } from '../../wire/messages/api.ts';
import { KafkaError, type KafkaErrorCode } from '../../wire/messages/error-codes.ts';
import { offsetCommit } from '../../wire/messages/offset-commit.ts';
import type { Broker } from '../broker.ts';
import { changeRefusal } from '../groups/group-access.ts';
import { errorCodeOf } from '../log-errors.ts';
import { handler } from '../request.ts';
import type { Access } from '../security/access.ts';
import { Operation } from '../security/acls.ts';

/** `offset.metadata.max.bytes`. */
const MAX_METADATA_BYTES = 4_096;

type Request = RequestOf<typeof offsetCommit>;
type RequestPartition = Request['topics'][number]['partitions'][number];

/** All offsets of a request in one commit of the log; no answer before it is durable. */
export function offsetCommitHandler(broker: Broker) {
  return handler(offsetCommit, async (request, { access }) => {
    const { groupId, memberId, groupInstanceId, generationIdOrMemberEpoch } = request;
    const identity = { memberId, instanceId: groupInstanceId };
    const refusal =
      changeRefusal(access, groupId, Operation.READ) ??
      broker.groups.commitRefusal(groupId, identity, generationIdOrMemberEpoch);
    const judged = request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map((partition) => {
        return {
          partition,
          errorCode: refusal ?? partitionRefusal(broker, access, name, partition) ?? KafkaError.NONE,
        };
      }),
    }));
    const failure = await commit(broker, groupId, judged);
    return {
      topics: judged.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partition: { partitionIndex }, errorCode }) => {
          return { partitionIndex, errorCode: errorCode === KafkaError.NONE ? failure : errorCode };
        }),
      })),
    };
  });
}

/** Why an offset cannot be committed for the partition; null: it can. */
export function partitionRefusal(
  broker: Broker,
  access: Access,
  topic: string,
  partition: Pick<RequestPartition, 'partitionIndex' | 'committedMetadata'>,
): KafkaErrorCode | null {
  if (!access.topic(Operation.READ, topic)) return KafkaError.TOPIC_AUTHORIZATION_FAILED;
  const { partitionIndex, committedMetadata } = partition;
  if (broker.topics.get(topic)?.partitions[partitionIndex] === undefined) return KafkaError.UNKNOWN_TOPIC_OR_PARTITION;
  if (Buffer.byteLength(committedMetadata ?? '') > MAX_METADATA_BYTES) return KafkaError.OFFSET_METADATA_TOO_LARGE;
  // A negative offset stands for none: clients commit it to begin as they like.
  return null;
}

async function commit(
  broker: Broker,
  groupId: string,
  judged: readonly {
    readonly name: string;
    readonly partitions: readonly { readonly partition: RequestPartition; readonly errorCode: KafkaErrorCode }[];
  }[],
): Promise<KafkaErrorCode> {
  const offsets = judged.flatMap(({ name, partitions }) =>
    partitions
      .filter(({ errorCode }) => errorCode === KafkaError.NONE)
      .map(({ partition }) => ({
        place: { topic: name, partition: partition.partitionIndex },
        committed: {
          offset: partition.committedOffset,
          leaderEpoch: partition.committedLeaderEpoch,
          metadata: partition.committedMetadata ?? '',
        },
      })),
  );
  try {
    await broker.offsets.commit(groupId, offsets, broker.clock.now());
    return KafkaError.NONE;
  } catch (error) {
    return errorCodeOf(error);
  }
}
