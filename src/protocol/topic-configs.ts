/**
 * Configuration of topics, by Kafka's names. https://kafka.apache.org/documentation/#topicconfigs
 * `fixed` keys say how this broker always behaves: they are shown, and may be set to nothing else (Kafka says of no
 * topic configuration that it is read-only, nor do we).
 */
import type { TopicConfig } from '../contracts/log-admin.ts';

export type ConfigType = 'string' | 'int' | 'long' | 'double' | 'list' | 'boolean';

export interface ConfigKey {
  readonly name: string;
  readonly type: ConfigType;
  readonly byDefault: string;
  /** The broker's setting that gives the default; left out: Kafka's clients are told of none. */
  readonly brokerName?: string;
  readonly fixed?: true;
  /** Allowed values, of a list its elements; numbers have limits instead. */
  readonly values?: readonly string[];
  readonly min?: number;
  readonly max?: number;
  readonly text: string;
}

const MAX_INT = 0x7fffffff;

export const CLEANUP_POLICY = 'cleanup.policy';
export const MAX_MESSAGE_BYTES = 'max.message.bytes';

export const TOPIC_CONFIGS: readonly ConfigKey[] = [
  {
    name: CLEANUP_POLICY,
    type: 'list',
    byDefault: 'delete',
    brokerName: 'log.cleanup.policy',
    values: ['delete', 'compact'],
    text: 'delete: old segments go; compact: the last record of each key stays; both: of what is not too old.',
  },
  {
    name: 'compression.type',
    type: 'string',
    byDefault: 'producer',
    brokerName: 'compression.type',
    values: ['producer'],
    fixed: true,
    text: 'Batches are stored as produced.',
  },
  {
    name: 'delete.retention.ms',
    type: 'long',
    byDefault: '86400000',
    brokerName: 'log.cleaner.delete.retention.ms',
    min: 0,
    text: 'How long tombstones of a compacted topic stay.',
  },
  {
    name: 'max.compaction.lag.ms',
    type: 'long',
    byDefault: '9223372036854775807',
    brokerName: 'log.cleaner.max.compaction.lag.ms',
    min: 1,
    text: 'Longest time that a record stays uncompacted.',
  },
  {
    name: MAX_MESSAGE_BYTES,
    type: 'int',
    byDefault: '1048588',
    brokerName: 'message.max.bytes',
    min: 0,
    max: MAX_INT,
    text: 'Largest record batch, in bytes.',
  },
  {
    name: 'message.timestamp.type',
    type: 'string',
    byDefault: 'CreateTime',
    brokerName: 'log.message.timestamp.type',
    values: ['CreateTime'],
    fixed: true,
    text: 'Times are those that the producer gives.',
  },
  {
    name: 'min.cleanable.dirty.ratio',
    type: 'double',
    byDefault: '0.5',
    brokerName: 'log.cleaner.min.cleanable.ratio',
    min: 0,
    max: 1,
    text: 'Part of the log that must be uncompacted before compaction starts.',
  },
  {
    name: 'min.compaction.lag.ms',
    type: 'long',
    byDefault: '0',
    brokerName: 'log.cleaner.min.compaction.lag.ms',
    min: 0,
    text: 'Shortest time that a record stays uncompacted.',
  },
  {
    name: 'min.insync.replicas',
    type: 'int',
    byDefault: '1',
    brokerName: 'min.insync.replicas',
    values: ['1'],
    fixed: true,
    text: 'There is one replica.',
  },
  {
    name: 'retention.bytes',
    type: 'long',
    byDefault: '-1',
    brokerName: 'log.retention.bytes',
    min: -1,
    text: 'Largest size of a partition before old segments go; -1: no limit.',
  },
  {
    name: 'retention.ms',
    type: 'long',
    byDefault: '604800000',
    min: -1,
    text: 'How long records are kept; -1: no limit.',
  },
  {
    name: 'segment.bytes',
    type: 'int',
    byDefault: '134217728',
    brokerName: 'log.segment.bytes',
    min: 1 << 20,
    max: MAX_INT,
    text: 'Size at which a new segment is begun.',
  },
  {
    name: 'segment.ms',
    type: 'long',
    byDefault: '604800000',
    min: 1,
    text: 'Time after which a new segment is begun.',
  },
];

const byName = new Map(TOPIC_CONFIGS.map((key) => [key.name, key]));

export interface EffectiveConfig {
  readonly key: ConfigKey;
  readonly value: string;
  readonly isDefault: boolean;
}

export function configNameProblem(name: string): string | null {
  return byName.has(name) ? null : `the topic configuration ${name} is not known here`;
}

/** What is wrong with setting `name` to `value`, or null. */
export function configProblem(name: string, value: string | null): string | null {
  const key = byName.get(name);
  if (key === undefined) return configNameProblem(name);
  if (value === null) return `${name} needs a value`;
  if (key.type === 'list') return listProblem(key, listOf(value));
  if (key.values !== undefined) {
    return key.values.includes(value) ? null : `${name} must be ${key.values.join(' or ')}`;
  }
  const number = Number(value);
  const form = key.type === 'double' ? /^\d+(\.\d+)?$/ : /^-?\d{1,19}$/;
  const { min = 0, max = Number.MAX_VALUE } = key;
  if (!form.test(value) || number < min || number > max) return `${name} must be a number from ${min} to ${max}`;
  return null;
}

/** Elements of a value of type `list`. */
export function listOf(value: string): string[] {
  return value.split(',').map((element) => element.trim());
}

function listProblem({ name, values = [] }: ConfigKey, elements: readonly string[]): string | null {
  const known = elements.every((element) => values.includes(element));
  if (known && new Set(elements).size === elements.length) return null;
  return `${name} must be ${values.join(' or ')}, or ${values.join(',')}`;
}

/** The key, if its values are lists. */
export function listConfig(name: string): ConfigKey | undefined {
  const key = byName.get(name);
  return key?.type === 'list' ? key : undefined;
}

/** Whether a log without configuration of its topics behaves so anyway. */
export function isGiven(name: string, value: string): boolean {
  return name === CLEANUP_POLICY || byName.get(name)?.byDefault === value;
}

export function effectiveConfigs(config: TopicConfig): readonly EffectiveConfig[] {
  return TOPIC_CONFIGS.map((key) => {
    const value = config[key.name];
    return { key, value: value ?? key.byDefault, isDefault: value === undefined };
  });
}
