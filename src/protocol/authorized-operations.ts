/** What a client may do, as bits by Kafka's numbers of operations (org.apache.kafka.common.acl.AclOperation). */
import { isSinkGroup } from './groups/coordinator.ts';

const READ = 1 << 3;
const WRITE = 1 << 4;
const CREATE = 1 << 5;
const DELETE = 1 << 6;
const ALTER = 1 << 7;
const DESCRIBE = 1 << 8;
const DESCRIBE_CONFIGS = 1 << 10;
const ALTER_CONFIGS = 1 << 11;
const IDEMPOTENT_WRITE = 1 << 12;

/** Answer to a client that did not ask. */
export const NOT_ASKED = -2147483648;

export const CLUSTER_OPERATIONS = CREATE | DESCRIBE | DESCRIBE_CONFIGS | IDEMPOTENT_WRITE;

export function topicOperations(mayProduce: boolean): number {
  const always = READ | DESCRIBE | DESCRIBE_CONFIGS;
  return mayProduce ? always | WRITE | CREATE | DELETE | ALTER | ALTER_CONFIGS : always;
}

export function groupOperations(groupId: string): number {
  return isSinkGroup(groupId) ? DESCRIBE : READ | DELETE | DESCRIBE;
}
