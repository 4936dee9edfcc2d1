/**
 * The brokers of the cluster as clients see it. Really there is one, with one replica of everything. Several can be shown
 * for test suites that expect them (`facade.ts`): each then leads a part of the partitions, and all serve the same log.
 */
import type { Endpoint } from './options.ts';

/** Id of the one node. */
export const NODE_ID = 1;

export interface Node extends Endpoint {
  readonly nodeId: number;
}

export class Nodes {
  readonly ids: readonly number[];
  /** Replicas that every partition has; the first leads. */
  readonly replicationFactor: number;
  readonly #endpoints = new Map<number, Endpoint>();

  constructor(ids: readonly number[], replicationFactor: number) {
    this.ids = ids;
    this.replicationFactor = replicationFactor;
  }

  /** Where clients are told to connect to. */
  setEndpoint(id: number, endpoint: Endpoint): void {
    this.#endpoints.set(id, endpoint);
  }

  list(): readonly Node[] {
    return this.ids.map((id) => this.#node(id));
  }

  has(id: number): boolean {
    return this.ids.includes(id);
  }

  /** Whether replicas can be there. Which of them has a partition is not the client's to say. */
  accepts(brokerIds: readonly number[]): boolean {
    return (
      brokerIds.length > 0 && new Set(brokerIds).size === brokerIds.length && brokerIds.every((id) => this.has(id))
    );
  }

  get controllerId(): number {
    return this.ids[0]!;
  }

  leaderOf(topic: string, partition: number): number {
    return this.#at(topic, partition);
  }

  replicasOf(topic: string, partition: number): readonly number[] {
    return Array.from({ length: this.replicationFactor }, (_, index) => this.#at(topic, partition + index));
  }

  /** Of a group or a transactional id. */
  coordinatorOf(key: string): Node {
    return this.#node(this.#at(key, 0));
  }

  #node(nodeId: number): Node {
    const { host, port } = this.#endpoints.get(nodeId)!;
    return { nodeId, host, port };
  }

  #at(name: string, index: number): number {
    const { ids } = this;
    return ids.length === 1 ? ids[0]! : ids[(hash(name) + index) % ids.length]!;
  }
}

/** Any function that spreads names; the same at every start. */
function hash(name: string): number {
  let sum = 0;
  for (let i = 0; i < name.length; i++) sum = (sum * 31 + name.charCodeAt(i)) >>> 0;
  return sum % 0x10000;
}
