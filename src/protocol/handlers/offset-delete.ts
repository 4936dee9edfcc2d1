import { KafkaError, type KafkaErrorCode } from '../../wire/messages/error-codes.ts';
import { offsetDelete } from '../../wire/messages/offset-delete.ts';
import type { Broker } from '../broker.ts';
import { changeRefusal } from '../groups/group-access.ts';
import { subscribedTopics } from '../groups/subscription.ts';
import { errorCodeOf } from '../log-errors.ts';
import { handler } from '../request.ts';
import { Operation } from '../security/acls.ts';

/** Removes offsets of topics that no member of the group reads. */
export function offsetDeleteHandler(broker: Broker) {
  return handler(offsetDelete, async ({ groupId, topics }, { access }) => {
    await broker.offsets.settled(groupId);
    const refusal = changeRefusal(access, groupId, Operation.DELETE) ?? groupRefusal(broker, groupId);
    if (refusal !== null) return { errorCode: refusal, topics: [] };
    const group = broker.groups.get(groupId);
    const subscribed = group === undefined ? new Set<string>() : subscribedTopics(group);
    const topicCode = (name: string): KafkaErrorCode => {
      if (!access.topic(Operation.READ, name)) return KafkaError.TOPIC_AUTHORIZATION_FAILED;
      return subscribed.has(name) ? KafkaError.GROUP_SUBSCRIBED_TO_TOPIC : KafkaError.NONE;
    };
    const removed = topics.filter(({ name }) => topicCode(name) === KafkaError.NONE);
    let failure: KafkaErrorCode = KafkaError.NONE;
    try {
      const places = removed.flatMap(({ name, partitions }) =>
        partitions.map(({ partitionIndex }) => ({ topic: name, partition: partitionIndex })),
      );
      await broker.offsets.remove(groupId, places);
    } catch (error) {
      failure = errorCodeOf(error);
    }
    return {
      errorCode: failure,
      topics: topics.map(({ name, partitions }) => {
        const errorCode = topicCode(name);
        return { name, partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })) };
      }),
    };
  });
}

function groupRefusal({ groups, offsets }: Broker, groupId: string): KafkaErrorCode | null {
  const group = groups.get(groupId);
  if (group === undefined) return offsets.partitionsOf(groupId).length === 0 ? KafkaError.GROUP_ID_NOT_FOUND : null;
  // What members of another kind of group read is theirs to know.
  return group.state === 'Empty' || group.protocolType === 'consumer' ? null : KafkaError.NON_EMPTY_GROUP;
}
