/** Configuration entries in the numbers of the protocol (org.apache.kafka.clients.admin.ConfigEntry). */
import type { ConfigType, EffectiveConfig } from '../topic-configs.ts';

const DYNAMIC_TOPIC_CONFIG = 1;
const STATIC_BROKER_CONFIG = 4;
const DEFAULT_CONFIG = 5;

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

export { STATIC_BROKER_CONFIG };
