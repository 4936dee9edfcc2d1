import type { TopicInfo } from '../../contracts/log.ts';
import type { RequestOf, ResponseOf } from '../../wire/messages/api.ts';
import { KafkaError, type KafkaErrorCode } from '../../wire/messages/error-codes.ts';
import { metadata } from '../../wire/messages/metadata.ts';
import { NO_UUID } from '../../wire/messages/schema.ts';
import { clusterOperations, NOT_ASKED, topicOperations } from '../authorized-operations.ts';
import type { Broker } from '../broker.ts';
import { handler } from '../request.ts';
import type { Access } from '../security/access.ts';
import { Operation } from '../security/acls.ts';
import { isInternal, nameProblem } from '../topics.ts';

/** From here on the client says whether a topic may be created. */
const ASKS_TO_CREATE_FROM = 4;

type Request = RequestOf<typeof metadata>;
type TopicResponse = ResponseOf<typeof metadata>['topics'][number];

export function metadataHandler(broker: Broker) {
  return handler(metadata, async (request, { header, access }) => {
    const create = header.apiVersion < ASKS_TO_CREATE_FROM || request.allowAutoTopicCreation;
    const topics = await topicResponses(broker, access, request, header.apiVersion, create);
    return {
      brokers: broker.nodes.list(),
      clusterId: broker.clusterId,
      controllerId: broker.nodes.controllerId,
      topics: topics.map((topic) => ({
        ...topic,
        topicAuthorizedOperations:
          request.includeTopicAuthorizedOperations && topic.name !== null && topic.errorCode === KafkaError.NONE
            ? topicOperations(access, topic.name, broker.topics.mayProduce(topic.name))
            : NOT_ASKED,
      })),
      clusterAuthorizedOperations: request.includeClusterAuthorizedOperations ? clusterOperations(access) : NOT_ASKED,
    };
  });
}

async function topicResponses(
  broker: Broker,
  access: Access,
  { topics }: Request,
  version: number,
  create: boolean,
): Promise<readonly TopicResponse[]> {
  if (topics === null || (version === 0 && topics.length === 0)) {
    const visible = broker.topics.list().filter(({ name }) => access.topic(Operation.DESCRIBE, name));
    return visible.map((topic) => described(broker, topic));
  }
  return Promise.all(
    topics.map(({ name, topicId }) => {
      return name === null ? byId(broker, access, topicId) : byName(broker, access, name, create);
    }),
  );
}

function byId(broker: Broker, access: Access, topicId: string): TopicResponse {
  const topic = broker.topics.byId(topicId);
  if (topic === undefined) return unknown(null, topicId, KafkaError.UNKNOWN_TOPIC_ID);
  if (access.topic(Operation.DESCRIBE, topic.name)) return described(broker, topic);
  return unknown(null, topicId, KafkaError.TOPIC_AUTHORIZATION_FAILED);
}

async function byName(broker: Broker, access: Access, name: string, create: boolean): Promise<TopicResponse> {
  // Whether it exists is not said either.
  if (!access.topic(Operation.DESCRIBE, name)) return unknown(name, NO_UUID, KafkaError.TOPIC_AUTHORIZATION_FAILED);
  const topic = broker.topics.get(name);
  if (topic !== undefined) return described(broker, topic);
  if (nameProblem(name) !== null) return unknown(name, NO_UUID, KafkaError.INVALID_TOPIC_EXCEPTION);
  const { autoCreate, defaultPartitions } = broker.topics.rules;
  if (!create || !autoCreate || !broker.topics.mayProduce(name)) {
    return unknown(name, NO_UUID, KafkaError.UNKNOWN_TOPIC_OR_PARTITION);
  }
  if (!access.cluster(Operation.CREATE) && !access.topic(Operation.CREATE, name)) {
    return unknown(name, NO_UUID, KafkaError.TOPIC_AUTHORIZATION_FAILED);
  }
  // Null: another request is creating it.
  const created = await broker.topics.create(name, { partitions: defaultPartitions, config: {} });
  const made = created ?? broker.topics.get(name);
  if (made === undefined) return unknown(name, NO_UUID, KafkaError.LEADER_NOT_AVAILABLE);
  return described(broker, made);
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
      leaderId: broker.nodes.leaderOf(name, partition),
      leaderEpoch: broker.epochs.current(name, partition),
      replicaNodes: broker.nodes.replicasOf(name, partition),
      isrNodes: broker.nodes.replicasOf(name, partition),
      offlineReplicas: [],
    })),
  };
}

function unknown(name: string | null, topicId: string, errorCode: KafkaErrorCode): TopicResponse {
  return { errorCode, name, topicId, partitions: [] };
}
