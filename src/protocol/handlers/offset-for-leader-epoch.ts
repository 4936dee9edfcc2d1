import type { RequestOf, ResponseOf } from '../../wire/messages/api.ts';
import { KafkaError, type KafkaErrorCode } from '../../wire/messages/error-codes.ts';
import { offsetForLeaderEpoch } from '../../wire/messages/offset-for-leader-epoch.ts';
import type { Broker } from '../broker.ts';
import { epochRefusal } from '../leader-epochs.ts';
import { handler } from '../request.ts';
import { Operation } from '../security/acls.ts';

type RequestPartition = RequestOf<typeof offsetForLeaderEpoch>['topics'][number]['partitions'][number];
type PartitionResponse = ResponseOf<typeof offsetForLeaderEpoch>['topics'][number]['partitions'][number];

/** Where an epoch ended: a client that read further sees that records were lost (KIP-320). */
export function offsetForLeaderEpochHandler(broker: Broker) {
  return handler(offsetForLeaderEpoch, ({ replicaId, topics }, { access }) => ({
    topics: topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map((partition) => {
        if (replicaId >= 0) return failed(partition, KafkaError.CLUSTER_AUTHORIZATION_FAILED);
        if (!access.topic(Operation.DESCRIBE, topic)) return failed(partition, KafkaError.TOPIC_AUTHORIZATION_FAILED);
        return one(broker, topic, partition);
      }),
    })),
  }));
}

function one({ topics, epochs }: Broker, topic: string, request: RequestPartition): PartitionResponse {
  const { partition, currentLeaderEpoch, leaderEpoch } = request;
  if (topics.get(topic)?.partitions[partition] === undefined) {
    return failed(request, KafkaError.UNKNOWN_TOPIC_OR_PARTITION);
  }
  const refusal = epochRefusal(epochs.current(topic, partition), currentLeaderEpoch);
  if (refusal !== null) return failed(request, refusal);
  const end = epochs.endOf(topic, partition, leaderEpoch);
  if (end === null) return failed(request, KafkaError.NONE);
  return { errorCode: KafkaError.NONE, partition, leaderEpoch: end.epoch, endOffset: end.endOffset };
}

function failed({ partition }: RequestPartition, errorCode: KafkaErrorCode): PartitionResponse {
  return { errorCode, partition, leaderEpoch: -1, endOffset: -1n };
}
