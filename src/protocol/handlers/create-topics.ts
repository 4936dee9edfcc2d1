/** Creates topics with one replica, which is all that one disk can hold. */
import type { TopicConfig } from '../../contracts/log-admin.ts';
import type { RequestOf, ResponseOf } from '../../wire/messages/api.ts';
import { createTopics } from '../../wire/messages/create-topics.ts';
import { KafkaError } from '../../wire/messages/error-codes.ts';
import { NO_UUID } from '../../wire/messages/schema.ts';
import type { Broker } from '../broker.ts';
import { errorCodeOf } from '../log-errors.ts';
import type { Nodes } from '../nodes.ts';
import { handler } from '../request.ts';
import type { Access } from '../security/access.ts';
import { Operation } from '../security/acls.ts';
import { MAX_PARTITIONS, type Problem } from '../topic-changes.ts';
import { configProblem, effectiveConfigs, isGiven } from '../topic-configs.ts';
import { nameProblem } from '../topics.ts';
import { configSource } from './config-numbers.ts';

/** In a request: as the broker likes. */
const DEFAULT = -1;

type RequestTopic = RequestOf<typeof createTopics>['topics'][number];
type TopicResponse = ResponseOf<typeof createTopics>['topics'][number];

export function createTopicsHandler(broker: Broker) {
  return handler(createTopics, async ({ topics, validateOnly }, { access }) => {
    const byName = Map.groupBy(topics, ({ name }) => name);
    return {
      topics: await Promise.all(
        [...byName].map(([name, [topic, another]]) => {
          if (another === undefined) return createOne(broker, access, topic!, validateOnly);
          return failed(name, [KafkaError.INVALID_REQUEST, 'the topic is named twice']);
        }),
      ),
    };
  });
}

async function createOne(
  broker: Broker,
  access: Access,
  topic: RequestTopic,
  validateOnly: boolean,
): Promise<TopicResponse> {
  const { name } = topic;
  const problem =
    nameRefusal(broker, access, name) ??
    replicaProblem(broker.nodes, topic) ??
    partitionProblem(topic) ??
    configsProblem(broker, topic);
  if (problem !== null) return failed(name, problem);
  const partitions = partitionsOf(topic) ?? broker.topics.rules.defaultPartitions;
  const config: TopicConfig = Object.fromEntries(topic.configs.map((entry) => [entry.name, entry.value!]));
  try {
    if (!validateOnly && (await broker.topics.create(name, { partitions, config })) === null) {
      return failed(name, [KafkaError.TOPIC_ALREADY_EXISTS, 'the topic exists']);
    }
    const topicId = validateOnly ? NO_UUID : broker.topics.idOf(name);
    return created(name, topicId, partitions, broker.nodes.replicationFactor, config);
  } catch (error) {
    return failed(name, [errorCodeOf(error), (error as Error).message]);
  }
}

function nameRefusal({ topics }: Broker, access: Access, name: string): Problem | null {
  if (!access.cluster(Operation.CREATE) && !access.topic(Operation.CREATE, name)) {
    return [KafkaError.TOPIC_AUTHORIZATION_FAILED, 'not allowed to create the topic'];
  }
  const problem = nameProblem(name);
  if (problem !== null) return [KafkaError.INVALID_TOPIC_EXCEPTION, problem];
  if (topics.get(name) !== undefined) return [KafkaError.TOPIC_ALREADY_EXISTS, 'the topic exists'];
  if (topics.mayProduce(name)) return null;
  return [KafkaError.TOPIC_AUTHORIZATION_FAILED, `only Tailrace itself creates ${name}`];
}

function replicaProblem(nodes: Nodes, { replicationFactor, assignments }: RequestTopic): Problem | null {
  if (assignments.length > 0) {
    const partitions = new Set(assignments.map(({ partitionIndex }) => partitionIndex));
    const dense = partitions.size === assignments.length && assignments.every((_, index) => partitions.has(index));
    if (dense && assignments.every(({ brokerIds }) => nodes.accepts(brokerIds))) return null;
    return [KafkaError.INVALID_REPLICA_ASSIGNMENT, `every partition has its one replica on node ${nodes.controllerId}`];
  }
  if (replicationFactor === DEFAULT || (replicationFactor >= 1 && replicationFactor <= nodes.ids.length)) return null;
  const message = `the embedded log has replication factor 1; for ${replicationFactor}, run on a cluster with "log: kafka"`;
  return [KafkaError.INVALID_REPLICATION_FACTOR, message];
}

function partitionProblem(topic: RequestTopic): Problem | null {
  const partitions = partitionsOf(topic);
  if (partitions === null || (partitions >= 1 && partitions <= MAX_PARTITIONS)) return null;
  return [KafkaError.INVALID_PARTITIONS, `a topic has 1 to ${MAX_PARTITIONS} partitions`];
}

/** Null: as many as usual. */
function partitionsOf({ numPartitions, assignments }: RequestTopic): number | null {
  if (assignments.length > 0) return assignments.length;
  return numPartitions === DEFAULT ? null : numPartitions;
}

function configsProblem({ topics }: Broker, { configs }: RequestTopic): Problem | null {
  for (const { name, value } of configs) {
    const problem = configProblem(name, value);
    if (problem !== null) return [KafkaError.INVALID_CONFIG, problem];
    if (topics.admin === null && !isGiven(name, value!)) {
      return [KafkaError.INVALID_CONFIG, `${name} cannot be set: this log has the default for all topics`];
    }
  }
  return null;
}

function created(
  name: string,
  topicId: string,
  numPartitions: number,
  replicationFactor: number,
  config: TopicConfig,
): TopicResponse {
  const configs = effectiveConfigs(config).map((entry) => ({
    name: entry.key.name,
    value: entry.value,
    readOnly: false,
    configSource: configSource(entry),
    isSensitive: false,
  }));
  return {
    name,
    topicId,
    errorCode: KafkaError.NONE,
    errorMessage: null,
    numPartitions,
    replicationFactor,
    configs,
  };
}

function failed(name: string, [errorCode, errorMessage]: Problem): TopicResponse {
  return { name, topicId: NO_UUID, errorCode, errorMessage, configs: null };
}
