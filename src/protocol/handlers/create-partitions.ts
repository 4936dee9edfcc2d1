import type { TopicAdmin } from '../../contracts/log-admin.ts';
import type { RequestOf } from '../../wire/messages/api.ts';
import { createPartitions } from '../../wire/messages/create-partitions.ts';
import { KafkaError } from '../../wire/messages/error-codes.ts';
import type { Broker } from '../broker.ts';
import { errorCodeOf } from '../log-errors.ts';
import { handler } from '../request.ts';
import type { Access } from '../security/access.ts';
import { Operation } from '../security/acls.ts';
import { changeRefusal, MAX_PARTITIONS, type Problem } from '../topic-changes.ts';

type RequestTopic = RequestOf<typeof createPartitions>['topics'][number];

/** Adds partitions to topics. */
export function createPartitionsHandler(broker: Broker, admin: TopicAdmin) {
  return handler(createPartitions, async ({ topics, validateOnly }, { access }) => ({
    results: await Promise.all(
      topics.map(async (topic) => {
        const problem = topicProblem(broker, access, topic) ?? (validateOnly ? null : await add(admin, topic));
        const [errorCode, errorMessage] = problem ?? [KafkaError.NONE, null];
        return { name: topic.name, errorCode, errorMessage };
      }),
    ),
  }));
}

function topicProblem(broker: Broker, access: Access, { name, count, assignments }: RequestTopic): Problem | null {
  const refusal = changeRefusal(broker, access, Operation.ALTER, name);
  if (refusal !== null) return refusal;
  const existing = broker.topics.get(name)!.partitions.length;
  if (count <= existing) return [KafkaError.INVALID_PARTITIONS, `the topic has ${existing} partitions already`];
  if (count > MAX_PARTITIONS)
    return [KafkaError.INVALID_PARTITIONS, `a topic has at most ${MAX_PARTITIONS} partitions`];
  if (assignments === null) return null;
  const { nodes } = broker;
  const possible = assignments.every(({ brokerIds }) => nodes.accepts(brokerIds));
  if (possible && assignments.length === count - existing) return null;
  return [
    KafkaError.INVALID_REPLICA_ASSIGNMENT,
    `every new partition has its one replica on node ${nodes.controllerId}`,
  ];
}

async function add(admin: TopicAdmin, { name, count }: RequestTopic): Promise<Problem | null> {
  try {
    await admin.alter(name, { partitions: count });
    return null;
  } catch (error) {
    return [errorCodeOf(error), (error as Error).message];
  }
}
