/** Moving partitions between brokers: they stay where they are, so nothing is ever under way. */
import { alterPartitionReassignments } from '../../wire/messages/alter-partition-reassignments.ts';
import { KafkaError } from '../../wire/messages/error-codes.ts';
import { listPartitionReassignments } from '../../wire/messages/list-partition-reassignments.ts';
import type { Broker } from '../broker.ts';
import { handler } from '../request.ts';
import { Operation } from '../security/acls.ts';
import type { Problem } from '../topic-changes.ts';

const REFUSED = { errorCode: KafkaError.CLUSTER_AUTHORIZATION_FAILED, errorMessage: 'not allowed on the cluster' };
const DONE = { throttleTimeMs: 0, errorCode: KafkaError.NONE, errorMessage: null };

export function alterPartitionReassignmentsHandler(broker: Broker) {
  return handler(alterPartitionReassignments, ({ topics }, { access }) => {
    if (!access.cluster(Operation.ALTER)) return { ...DONE, ...REFUSED, responses: [] };
    return {
      ...DONE,
      responses: topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex, replicas }) => {
          const [errorCode, errorMessage] = problem(broker, name, partitionIndex, replicas) ?? [KafkaError.NONE, null];
          return { partitionIndex, errorCode, errorMessage };
        }),
      })),
    };
  });
}

export function listPartitionReassignmentsHandler() {
  return handler(listPartitionReassignments, (_request, { access }) => {
    return { ...DONE, ...(access.cluster(Operation.DESCRIBE) ? {} : REFUSED), topics: [] };
  });
}

/** @param replicas null: what is under way is called off */
function problem(
  { topics, nodes }: Broker,
  topic: string,
  partition: number,
  replicas: readonly number[] | null,
): Problem | null {
  if (topics.get(topic)?.partitions[partition] === undefined) {
    return [KafkaError.UNKNOWN_TOPIC_OR_PARTITION, 'the partition does not exist'];
  }
  if (replicas === null) return [KafkaError.NO_REASSIGNMENT_IN_PROGRESS, 'the partition is not being moved'];
  if (nodes.accepts(replicas)) return null;
  return [KafkaError.INVALID_REPLICA_ASSIGNMENT, `the partition has its one replica on node ${nodes.controllerId}`];
}
