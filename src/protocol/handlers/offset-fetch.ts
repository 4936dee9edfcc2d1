import type { TopicPartition } from '../../contracts/log.ts';
import { KafkaError } from '../../wire/messages/error-codes.ts';
import { offsetFetch } from '../../wire/messages/offset-fetch.ts';
import type { Broker } from '../broker.ts';
import { handler } from '../request.ts';

const SEVERAL_GROUPS_FROM = 8;
/** In version 0 and 1 there is no way to ask for all topics: null cannot be sent. */
type RequestedTopics = readonly { readonly name: string; readonly partitionIndexes: readonly number[] }[] | null;

export function offsetFetchHandler(broker: Broker) {
  return handler(offsetFetch, async ({ groupId, topics, groups }, { header }) => {
    if (header.apiVersion < SEVERAL_GROUPS_FROM) {
      return { topics: await topicsOf(broker, groupId, topics), groups: [] };
    }
    return {
      groups: await Promise.all(
        groups.map(async (each) => ({
          groupId: each.groupId,
          topics: await topicsOf(broker, each.groupId, each.topics),
        })),
      ),
    };
  });
}

/** What commits that are under way will leave, so that a new owner of a partition does not begin too early. */
async function topicsOf(broker: Broker, groupId: string, requested: RequestedTopics) {
  const { offsets } = broker;
  await offsets.settled(groupId);
  const topics = requested ?? byTopic(offsets.partitionsOf(groupId));
  return topics.map(({ name, partitionIndexes }) => ({
    name,
    partitions: partitionIndexes.map((partition) => {
      const committed = offsets.get(groupId, { topic: name, partition });
      return {
        partitionIndex: partition,
        committedOffset: committed?.offset ?? -1n,
        committedLeaderEpoch: committed?.leaderEpoch ?? -1,
        metadata: committed?.metadata ?? '',
        errorCode: KafkaError.NONE,
      };
    }),
  }));
}

function byTopic(places: readonly TopicPartition[]): NonNullable<RequestedTopics> {
  const partitions = Map.groupBy(places, ({ topic }) => topic);
  return [...partitions].map(([name, list]) => ({ name, partitionIndexes: list.map(({ partition }) => partition) }));
}
