import type { TopicPartition } from '../../contracts/log.ts';
import { KafkaError, type KafkaErrorCode } from '../../wire/messages/error-codes.ts';
import { offsetFetch } from '../../wire/messages/offset-fetch.ts';
import type { Broker } from '../broker.ts';
import { groupCheckpoint } from '../checkpoint-names.ts';
import { handler } from '../request.ts';
import type { Access } from '../security/access.ts';
import { Operation } from '../security/acls.ts';

const SEVERAL_GROUPS_FROM = 8;
/** In version 0 and 1 there is no way to ask for all topics: null cannot be sent. */
type RequestedTopics = readonly { readonly name: string; readonly partitionIndexes: readonly number[] }[] | null;

export function offsetFetchHandler(broker: Broker) {
  return handler(offsetFetch, async ({ groupId, topics, groups, requireStable }, { header, access }) => {
    if (header.apiVersion < SEVERAL_GROUPS_FROM) {
      return { ...(await offsetsOf(broker, access, groupId, topics, requireStable)), groups: [] };
    }
    return {
      groups: await Promise.all(
        groups.map(async (each) => ({
          groupId: each.groupId,
          ...(await offsetsOf(broker, access, each.groupId, each.topics, requireStable)),
        })),
      ),
    };
  });
}

/** What commits that are under way will leave, so that a new owner of a partition does not begin too early. */
async function offsetsOf(
  broker: Broker,
  access: Access,
  groupId: string,
  requested: RequestedTopics,
  requireStable: boolean,
) {
  if (!access.group(Operation.DESCRIBE, groupId)) {
    return { errorCode: KafkaError.GROUP_AUTHORIZATION_FAILED, topics: refusedTopics(requested) };
  }
  const { offsets } = broker;
  await offsets.settled(groupId);
  const all = () => byTopic(offsets.partitionsOf(groupId)).filter(({ name }) => access.topic(Operation.DESCRIBE, name));
  const topics = (requested ?? all()).map(({ name, partitionIndexes }) => {
    const allowed = access.topic(Operation.DESCRIBE, name);
    return {
      name,
      partitions: partitionIndexes.map((partition) => {
        if (!allowed) return failed(partition, KafkaError.TOPIC_AUTHORIZATION_FAILED);
        const pending = requireStable && broker.transactions.holds(groupCheckpoint(groupId, name, partition));
        if (pending) return failed(partition, KafkaError.UNSTABLE_OFFSET_COMMIT);
        const committed = offsets.get(groupId, { topic: name, partition });
        if (committed === undefined) return failed(partition, KafkaError.NONE);
        const { offset, leaderEpoch, metadata } = committed;
        return {
          partitionIndex: partition,
          committedOffset: offset,
          committedLeaderEpoch: leaderEpoch,
          metadata,
          errorCode: KafkaError.NONE,
        };
      }),
    };
  });
  return { errorCode: KafkaError.NONE, topics };
}

/** Versions 0 and 1 have no place for an error of the whole group. */
function refusedTopics(requested: RequestedTopics) {
  return (requested ?? []).map(({ name, partitionIndexes }) => ({
    name,
    partitions: partitionIndexes.map((partition) => failed(partition, KafkaError.GROUP_AUTHORIZATION_FAILED)),
  }));
}

function failed(partitionIndex: number, errorCode: KafkaErrorCode) {
  return { partitionIndex, committedOffset: -1n, committedLeaderEpoch: -1, metadata: '', errorCode };
}

function byTopic(places: readonly TopicPartition[]): NonNullable<RequestedTopics> {
  const partitions = Map.groupBy(places, ({ topic }) => topic);
  return [...partitions].map(([name, list]) => ({ name, partitionIndexes: list.map(({ partition }) => partition) }));
}
