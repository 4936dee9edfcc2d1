/** The broker's own settings, by Kafka's names, to be shown. They are changed in tailrace.yaml. */
import type { Broker } from './broker.ts';
import type { Node } from './nodes.ts';
import type { ConfigType } from './topic-configs.ts';

export interface BrokerConfig {
  readonly name: string;
  readonly value: string;
  readonly type: ConfigType;
  readonly text: string;
}

export function brokerConfigs({ nodes, limits, topics }: Broker, { host, port }: Node): readonly BrokerConfig[] {
  const { autoCreate, defaultPartitions } = topics.rules;
  return [
    {
      name: 'advertised.listeners',
      value: `${host}:${port}`,
      type: 'string',
      text: 'Where clients connect to.',
    },
    {
      name: 'auto.create.topics.enable',
      value: String(autoCreate),
      type: 'boolean',
      text: 'Whether asking for a topic creates it.',
    },
    {
      name: 'default.replication.factor',
      value: String(nodes.replicationFactor),
      type: 'int',
      text: 'There is one disk.',
    },
    {
      name: 'message.max.bytes',
      value: String(limits.maxBatchBytes),
      type: 'int',
      text: 'Largest record batch where the topic says nothing.',
    },
    { name: 'num.partitions', value: String(defaultPartitions), type: 'int', text: 'Partitions of a new topic.' },
  ];
}
