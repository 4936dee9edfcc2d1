/** Access rules of the configuration, in the numbers of the protocol. */
import type { AclOperation, AclResource, AclRule } from '../../contracts/plan.ts';
import {
  type AclBinding,
  type AclOptions,
  CLUSTER_NAME,
  Operation,
  PatternType,
  Permission,
  ResourceType,
} from './acls.ts';

const RESOURCES: Readonly<Record<AclResource, number>> = {
  topic: ResourceType.TOPIC,
  group: ResourceType.GROUP,
  transactional_id: ResourceType.TRANSACTIONAL_ID,
  cluster: ResourceType.CLUSTER,
};

const OPERATIONS: Readonly<Record<AclOperation, number>> = {
  all: Operation.ALL,
  read: Operation.READ,
  write: Operation.WRITE,
  create: Operation.CREATE,
  delete: Operation.DELETE,
  alter: Operation.ALTER,
  describe: Operation.DESCRIBE,
  describe_configs: Operation.DESCRIBE_CONFIGS,
  alter_configs: Operation.ALTER_CONFIGS,
  idempotent_write: Operation.IDEMPOTENT_WRITE,
};

export function aclOptions(rules: readonly AclRule[], superUsers: readonly string[]): AclOptions {
  return { superUsers, rules: rules.flatMap(bindings) };
}

function bindings({ user, resource, name, isPrefix, permission, operations, host }: AclRule): AclBinding[] {
  // Every name is Kafka's wildcard, which clients that list the rules know; the cluster has one name.
  const isEvery = isPrefix && name === '';
  const resourceName = resource === 'cluster' ? CLUSTER_NAME : isEvery ? '*' : name;
  const isLiteral = isEvery || !isPrefix || resource === 'cluster';
  return operations.map((operation) => ({
    resourceType: RESOURCES[resource],
    resourceName,
    patternType: isLiteral ? PatternType.LITERAL : PatternType.PREFIXED,
    principal: `User:${user}`,
    host,
    operation: OPERATIONS[operation],
    permission: permission === 'allow' ? Permission.ALLOW : Permission.DENY,
  }));
}
