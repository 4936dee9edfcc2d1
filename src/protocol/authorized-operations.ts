/** What a client may do, as bits by the numbers of operations. */
import { isSinkGroup } from './groups/group-access.ts';
import type { Access } from './security/access.ts';
import { Operation } from './security/acls.ts';

/** Answer to a client that did not ask. */
export const NOT_ASKED = -2147483648;

const { READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS, IDEMPOTENT_WRITE } = Operation;
const READING = [READ, DESCRIBE, DESCRIBE_CONFIGS];
const WRITING = [WRITE, CREATE, DELETE, ALTER, ALTER_CONFIGS];
const ON_CLUSTER = [CREATE, ALTER, DESCRIBE, DESCRIBE_CONFIGS, IDEMPOTENT_WRITE];

export function clusterOperations(access: Access): number {
  return bits(ON_CLUSTER.filter((operation) => access.cluster(operation)));
}

/** @param mayProduce false: a topic of Tailrace's own, which nobody else changes */
export function topicOperations(access: Access, topic: string, mayProduce: boolean): number {
  const possible = mayProduce ? [...READING, ...WRITING] : READING;
  return bits(possible.filter((operation) => access.topic(operation, topic)));
}

export function groupOperations(access: Access, groupId: string): number {
  const possible = isSinkGroup(groupId) ? [DESCRIBE] : [READ, DELETE, DESCRIBE];
  return bits(possible.filter((operation) => access.group(operation, groupId)));
}

function bits(operations: readonly number[]): number {
  return operations.reduce((set, operation) => set | (1 << operation), 0);
}
