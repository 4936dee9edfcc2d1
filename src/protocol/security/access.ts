/** What the client of a connection may do. */
import { type Acls, CLUSTER_NAME, type Client, Operation, ResourceType } from './acls.ts';

export class Access {
  readonly #acls: Acls | null;
  readonly #client: Client;

  /** @param acls null: everything is allowed */
  constructor(acls: Acls | null, client: Client) {
    this.#acls = acls;
    this.#client = client;
  }

  topic(operation: number, name: string): boolean {
    return this.#may(operation, ResourceType.TOPIC, name);
  }

  group(operation: number, name: string): boolean {
    return this.#may(operation, ResourceType.GROUP, name);
  }

  transactionalId(operation: number, id: string): boolean {
    return this.#may(operation, ResourceType.TRANSACTIONAL_ID, id);
  }

  cluster(operation: number): boolean {
    return this.#may(operation, ResourceType.CLUSTER, CLUSTER_NAME);
  }

  /** An idempotent producer needs no more than to be one, or to write somewhere (KIP-679). */
  idempotentWrite(): boolean {
    if (this.#acls === null || this.cluster(Operation.IDEMPOTENT_WRITE)) return true;
    return this.#acls.allowsAny(this.#client, Operation.WRITE, ResourceType.TOPIC);
  }

  #may(operation: number, resourceType: number, name: string): boolean {
    return this.#acls?.allows(this.#client, operation, resourceType, name) ?? true;
  }
}
