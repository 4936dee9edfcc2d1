/**
 * Access control lists, with Kafka's meaning: a matching denial wins, else a matching permission is needed.
 * https://kafka.apache.org/documentation/#security_authz, KIP-11, KIP-290 (prefixes)
 */
import { createHash } from 'node:crypto';
import type { Checkpoints } from '../../contracts/log.ts';
import { ACL_PREFIX } from '../checkpoint-names.ts';
import type { LogWriter } from '../log-writer.ts';

/** Numbers of the protocol (org.apache.kafka.common.acl, .resource). */
export const ResourceType = { ANY: 1, TOPIC: 2, GROUP: 3, CLUSTER: 4, TRANSACTIONAL_ID: 5 } as const;
export const Operation = {
  ANY: 1,
  ALL: 2,
  READ: 3,
  WRITE: 4,
  CREATE: 5,
  DELETE: 6,
  ALTER: 7,
  DESCRIBE: 8,
  CLUSTER_ACTION: 9,
  DESCRIBE_CONFIGS: 10,
  ALTER_CONFIGS: 11,
  IDEMPOTENT_WRITE: 12,
} as const;
export const Permission = { ANY: 1, DENY: 2, ALLOW: 3 } as const;
export const PatternType = { ANY: 1, MATCH: 2, LITERAL: 3, PREFIXED: 4 } as const;

/** The one name of the resource `cluster`. */
export const CLUSTER_NAME = 'kafka-cluster';
const WILDCARD = '*';
const EVERYBODY = 'User:*';

export interface AclBinding {
  readonly resourceType: number;
  readonly resourceName: string;
  readonly patternType: number;
  /** `User:name`, or `User:*`. */
  readonly principal: string;
  /** Address of the client, or `*`. */
  readonly host: string;
  readonly operation: number;
  readonly permission: number;
}

/** Null matches everything. */
export interface AclFilter {
  readonly resourceType: number;
  readonly resourceName: string | null;
  readonly patternType: number;
  readonly principal: string | null;
  readonly host: string | null;
  readonly operation: number;
  readonly permission: number;
}

export interface AclOptions {
  /** Users that may do everything. */
  readonly superUsers: readonly string[];
  /** Always there; clients add others. */
  readonly rules: readonly AclBinding[];
  /** What no rule names is allowed to everybody: Kafka's `allow.everyone.if.no.acl.found`. */
  readonly allowUnlisted?: boolean;
}

export interface Client {
  readonly user: string;
  readonly host: string;
}

/** Who may do this may also do that. */
const IMPLIED_BY: ReadonlyMap<number, readonly number[]> = new Map([
  [Operation.DESCRIBE, [Operation.READ, Operation.WRITE, Operation.DELETE, Operation.ALTER]],
  [Operation.DESCRIBE_CONFIGS, [Operation.ALTER_CONFIGS]],
]);

export class Acls {
  readonly #superUsers: ReadonlySet<string>;
  readonly #fixed: readonly AclBinding[];
  readonly #allowUnlisted: boolean;
  readonly #writer: LogWriter;
  /** By checkpoint name. */
  readonly #added = new Map<string, AclBinding>();

  constructor(checkpoints: Checkpoints, writer: LogWriter, { superUsers, rules, allowUnlisted = false }: AclOptions) {
    this.#superUsers = new Set(superUsers);
    this.#fixed = rules;
    this.#allowUnlisted = allowUnlisted;
    this.#writer = writer;
    for (const [name, value] of checkpoints.list(ACL_PREFIX)) this.#added.set(name, JSON.parse(value) as AclBinding);
  }

  allows(client: Client, operation: number, resourceType: number, resourceName: string): boolean {
    if (this.#superUsers.has(client.user)) return true;
    const matching = this.#of(client, resourceType).filter((binding) => covers(binding, resourceName));
    if (matching.some((binding) => binding.permission === Permission.DENY && names(binding, operation))) return false;
    return matching.some((binding) => permits(binding, operation)) || this.#isUnlisted(resourceType, resourceName);
  }

  /** Whether there is any resource of the type on which the client may do it, as far as the lists can tell. */
  allowsAny(client: Client, operation: number, resourceType: number): boolean {
    if (this.#superUsers.has(client.user)) return true;
    const bindings = this.#of(client, resourceType);
    const denied = (pattern: AclBinding) =>
      bindings.some(
        (binding) =>
          binding.permission === Permission.DENY &&
          names(binding, operation) &&
          (binding.patternType === PatternType.PREFIXED
            ? pattern.resourceName.startsWith(binding.resourceName)
            : binding.resourceName === WILDCARD ||
              (binding.resourceName === pattern.resourceName && pattern.patternType === PatternType.LITERAL)),
      );
    return this.#allowUnlisted || bindings.some((binding) => permits(binding, operation) && !denied(binding));
  }

  list(filter: AclFilter): readonly AclBinding[] {
    return [...this.#fixed, ...this.#added.values()].filter((binding) => matches(binding, filter));
  }

  /** Durable when it resolves; in force then. */
  async add(bindings: readonly AclBinding[]): Promise<void> {
    const named = bindings.map((binding) => [nameOf(binding), binding] as const);
    await this.#write(named);
    for (const [name, binding] of named) this.#added.set(name, binding);
  }

  /** Removes what clients have added. Durable when it resolves; no longer in force from the call on. */
  async remove(filter: AclFilter): Promise<readonly AclBinding[]> {
    const removed = [...this.#added].filter(([, binding]) => matches(binding, filter));
    for (const [name] of removed) this.#added.delete(name);
    try {
      await this.#write(removed.map(([name]) => [name, null] as const));
    } catch (error) {
      for (const [name, binding] of removed) this.#added.set(name, binding);
      throw error;
    }
    return removed.map(([, binding]) => binding);
  }

  #isUnlisted(resourceType: number, resourceName: string): boolean {
    if (!this.#allowUnlisted) return false;
    const rules = [...this.#fixed, ...this.#added.values()];
    return !rules.some((binding) => binding.resourceType === resourceType && covers(binding, resourceName));
  }

  #of({ user, host }: Client, resourceType: number): AclBinding[] {
    const principal = `User:${user}`;
    return [...this.#fixed, ...this.#added.values()].filter(
      (binding) =>
        binding.resourceType === resourceType &&
        (binding.principal === principal || binding.principal === EVERYBODY) &&
        (binding.host === host || binding.host === WILDCARD),
    );
  }

  async #write(entries: readonly (readonly [name: string, binding: AclBinding | null])[]): Promise<void> {
    if (entries.length === 0) return;
    await this.#writer.commit((transaction) => {
      for (const [name, binding] of entries) {
        transaction.checkpoint(name, binding === null ? null : JSON.stringify(binding));
      }
      return true;
    });
  }
}

function covers({ patternType, resourceName }: AclBinding, name: string): boolean {
  if (patternType === PatternType.PREFIXED) return name.startsWith(resourceName);
  return resourceName === name || resourceName === WILDCARD;
}

function names(binding: AclBinding, operation: number): boolean {
  return binding.operation === operation || binding.operation === Operation.ALL;
}

function permits(binding: AclBinding, operation: number): boolean {
  if (binding.permission !== Permission.ALLOW) return false;
  return names(binding, operation) || (IMPLIED_BY.get(operation) ?? []).includes(binding.operation);
}

/** A filter with pattern type MATCH asks for what covers the name; ANY and exact types ask for that very pattern. */
function matches(binding: AclBinding, filter: AclFilter): boolean {
  const { resourceName, patternType } = filter;
  const samePattern =
    resourceName === null ||
    (patternType === PatternType.MATCH ? covers(binding, resourceName) : binding.resourceName === resourceName);
  const sameType =
    patternType === PatternType.MATCH || patternType === PatternType.ANY || binding.patternType === patternType;
  return (
    samePattern &&
    sameType &&
    (filter.resourceType === ResourceType.ANY || filter.resourceType === binding.resourceType) &&
    (filter.principal === null || filter.principal === binding.principal) &&
    (filter.host === null || filter.host === binding.host) &&
    (filter.operation === Operation.ANY || filter.operation === binding.operation) &&
    (filter.permission === Permission.ANY || filter.permission === binding.permission)
  );
}

function nameOf(binding: AclBinding): string {
  const { resourceType, resourceName, patternType, principal, host, operation, permission } = binding;
  const fields = [resourceType, resourceName, patternType, principal, host, operation, permission];
  return `${ACL_PREFIX}${createHash('sha256').update(JSON.stringify(fields)).digest('hex')}`;
}
