import type { TopicInfo } from '../../contracts/log.ts';
import type { RequestOf, ResponseOf } from '../../wire/messages/api.ts';
import { KafkaError, type KafkaErrorCode } from '../../wire/messages/error-codes.ts';
import { metadata } from '../../wire/messages/metadata.ts';
import { NO_UUID } from '../../wire/messages/schema.ts';
import { CLUSTER_OPERATIONS, NOT_ASKED, topicOperations } from '../authorized-operations.ts';
import { type Broker, NODE_ID } from '../broker.ts';
import { handler } from '../request.ts';
import { isInternal, nameProblem } from '../topics.ts';

/** From here on the client says whether a topic may be created. */
const ASKS_TO_CREATE_FROM = 4;

type Request = RequestOf<typeof metadata>;
type TopicResponse = ResponseOf<typeof metadata>['topics'][number];

export function metadataHandler(broker: Broker) {
  return handler(metadata, async (request, { header }) => {
    const { host, port } = broker.endpoint;
    const create = header.apiVersion < ASKS_TO_CREATE_FROM || request.allowAutoTopicCreation;
    const topics = await topicResponses(broker, request, header.apiVersion, create);
    return {
      brokers: [{ nodeId: NODE_ID, host, port }],
      clusterId: broker.clusterId,
      controllerId: NODE_ID,
      topics: topics.map((topic) => ({
        ...topic,
        topicAuthorizedOperations:
          request.includeTopicAuthorizedOperations && topic.name !== null && topic.errorCode === KafkaError.NONE
            ? topicOperations(broker.topics.mayProduce(topic.name))
            : NOT_ASKED,
      })),
      clusterAuthorizedOperations: request.includeClusterAuthorizedOperations ? CLUSTER_OPERATIONS : NOT_ASKED,
    };
  });
}

function topicResponses(
  broker: Broker,
  { topics }: Request,
  version: number,
  create: boolean,
): Promise<readonly TopicResponse[]> | readonly TopicResponse[] {
  if (topics === null || (version === 0 && topics.length === 0)) {
    return broker.log.topics.list().map((topic) => described(broker, topic));
  }
  return Promise.all(
    topics.map(async ({ name, topicId }) => {
      if (name !== null) return byName(broker, name, create);
      const topic = broker.topics.byId(topicId);
      if (topic !== undefined) return described(broker, topic);
      return unknown(null, topicId, KafkaError.UNKNOWN_TOPIC_ID);
    }),
  );
}

async function byName(broker: Broker, name: string, create: boolean): Promise<TopicResponse> {
  const topic = broker.log.topics.get(name);
  if (topic !== undefined) return described(broker, topic);
  if (nameProblem(name) !== null) return unknown(name, NO_UUID, KafkaError.INVALID_TOPIC_EXCEPTION);
  const { autoCreate, defaultPartitions } = broker.topics.rules;
  if (!create || !autoCreate || !broker.topics.mayProduce(name)) {
    return unknown(name, NO_UUID, KafkaError.UNKNOWN_TOPIC_OR_PARTITION);
  }
  const settings = { partitions: defaultPartitions, config: {} };
  // Null: another request is creating it.
  const created = (await broker.topics.create(name, settings)) ?? broker.log.topics.get(name);
  if (created === undefined) return unknown(name, NO_UUID, KafkaError.LEADER_NOT_AVAILABLE);
  return described(broker, created);
}

function described(broker: Broker, { name, partitions }: TopicInfo): TopicResponse {
  return {
    errorCode: KafkaError.NONE,
    name,
    topicId: broker.topics.idOf(name),
    isInternal: isInternal(name),
    partitions: partitions.map(({ partition }) => ({
      errorCode: KafkaError.NONE,
      partitionIndex: partition,
      leaderId: NODE_ID,
      leaderEpoch: broker.epochs.current(name, partition),
      replicaNodes: [NODE_ID],
      isrNodes: [NODE_ID],
      offlineReplicas: [],
    })),
  };
}

function unknown(name: string | null, topicId: string, errorCode: KafkaErrorCode): TopicResponse {
  return { errorCode, name, topicId, partitions: [] };
}
