import type { RequestOf, ResponseOf } from '../../wire/messages/api.ts';
import { describeConfigs } from '../../wire/messages/describe-configs.ts';
import { KafkaError, type KafkaErrorCode } from '../../wire/messages/error-codes.ts';
import type { Broker } from '../broker.ts';
import { type BrokerConfig, brokerConfigs } from '../broker-configs.ts';
import { handler } from '../request.ts';
import type { Access } from '../security/access.ts';
import { Operation } from '../security/acls.ts';
import { type EffectiveConfig, effectiveConfigs } from '../topic-configs.ts';
import { nameProblem } from '../topics.ts';
import { BROKER, CONFIG_TYPES, configSource, DEFAULT_CONFIG, STATIC_BROKER_CONFIG, TOPIC } from './config-numbers.ts';

type Request = RequestOf<typeof describeConfigs>;
type Resource = Request['resources'][number];
type Result = ResponseOf<typeof describeConfigs>['results'][number];
type Entry = Result['configs'][number];

export function describeConfigsHandler(broker: Broker) {
  return handler(describeConfigs, (request, { access }) => ({
    results: request.resources.map((resource) => describe(broker, access, resource, request)),
  }));
}

function describe(broker: Broker, access: Access, resource: Resource, request: Request): Result {
  const { resourceType, resourceName, configurationKeys } = resource;
  const isAll = configurationKeys === null || configurationKeys.length === 0;
  const answer = (configs: readonly Entry[]): Result => ({
    errorCode: KafkaError.NONE,
    errorMessage: null,
    resourceType,
    resourceName,
    configs: configs.filter(({ name }) => isAll || configurationKeys.includes(name)),
  });
  const failed = (errorCode: KafkaErrorCode, errorMessage: string): Result => {
    return { errorCode, errorMessage, resourceType, resourceName, configs: [] };
  };
  if (resourceType === TOPIC) {
    if (!access.topic(Operation.DESCRIBE_CONFIGS, resourceName)) {
      return failed(KafkaError.TOPIC_AUTHORIZATION_FAILED, 'not allowed on the topic');
    }
    const problem = nameProblem(resourceName);
    if (problem !== null) return failed(KafkaError.INVALID_TOPIC_EXCEPTION, problem);
    const topic = broker.topics.get(resourceName);
    if (topic === undefined) return failed(KafkaError.UNKNOWN_TOPIC_OR_PARTITION, 'the topic does not exist');
    return answer(effectiveConfigs(broker.topics.configOf(topic)).map((config) => topicEntry(config, request)));
  }
  if (resourceType !== BROKER) return failed(KafkaError.INVALID_REQUEST, 'only topics and brokers have configuration');
  if (!access.cluster(Operation.DESCRIBE_CONFIGS)) {
    return failed(KafkaError.CLUSTER_AUTHORIZATION_FAILED, 'not allowed on the cluster');
  }
  // Without a name the dynamic defaults of all brokers are meant: there are none.
  if (resourceName === '') return answer([]);
  const node = broker.nodes.list().find(({ nodeId }) => String(nodeId) === resourceName);
  if (node === undefined) {
    return failed(KafkaError.INVALID_REQUEST, `the only broker is ${broker.nodes.controllerId}`);
  }
  return answer(brokerConfigs(broker, node).map((config) => brokerEntry(config, request)));
}

function topicEntry(config: EffectiveConfig, request: Request): Entry {
  const { key, value, isDefault } = config;
  const configured = { name: key.name, value, source: configSource(config) };
  const { brokerName, byDefault } = key;
  const given = brokerName === undefined ? [] : [{ name: brokerName, value: byDefault, source: DEFAULT_CONFIG }];
  const synonyms = isDefault ? given : [configured, ...given];
  return {
    name: key.name,
    value,
    readOnly: false,
    isDefault,
    configSource: configSource(config),
    isSensitive: false,
    synonyms: request.includeSynonyms ? synonyms : [],
    configType: CONFIG_TYPES[key.type],
    documentation: request.includeDocumentation ? key.text : null,
  };
}

function brokerEntry({ name, value, type, text }: BrokerConfig, request: Request): Entry {
  return {
    name,
    value,
    readOnly: true,
    isDefault: false,
    configSource: STATIC_BROKER_CONFIG,
    isSensitive: false,
    synonyms: request.includeSynonyms ? [{ name, value, source: STATIC_BROKER_CONFIG }] : [],
    configType: CONFIG_TYPES[type],
    documentation: request.includeDocumentation ? text : null,
  };
}
