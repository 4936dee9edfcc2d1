/** Kinds, sources and types of configuration in the numbers of the protocol (org.apache.kafka.clients.admin.ConfigEntry). */
import type { ConfigType, EffectiveConfig } from '../topic-configs.ts';

/** Kinds of resources. */
export const TOPIC = 2;
export const BROKER = 4;

const DYNAMIC_TOPIC_CONFIG = 1;
export const STATIC_BROKER_CONFIG = 4;
export const DEFAULT_CONFIG = 5;

export const CONFIG_TYPES: Readonly<Record<ConfigType, number>> = {
  boolean: 1,
  string: 2,
  int: 3,
  long: 5,
  double: 6,
  list: 7,
};

export function configSource({ isDefault }: EffectiveConfig): number {
  return isDefault ? DEFAULT_CONFIG : DYNAMIC_TOPIC_CONFIG;
}
