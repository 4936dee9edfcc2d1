/** Versions of deleted rows are kept under a lease: etcd forgets them by itself when no late write can come any more. */
import { DELETED_HOLD_MS } from 'tailrace/sdk';
import type { EtcdClient } from './client.ts';

const RENEW_MS = 3_600_000;

export class DeleteLease {
  readonly #client: EtcdClient;
  readonly #now: () => number;
  #current: { readonly id: string; readonly since: number } | null = null;

  /** @param now ms, never backwards */
  constructor(client: EtcdClient, now: () => number) {
    this.#client = client;
    this.#now = now;
  }

  /** Of a lease that lasts at least for the hold time from now on. */
  async id(signal: AbortSignal): Promise<string> {
    const since = this.#now();
    if (this.#current !== null && since - this.#current.since < RENEW_MS) return this.#current.id;
    const seconds = Math.ceil((DELETED_HOLD_MS + RENEW_MS) / 1_000);
    const { ID: id } = await this.#client.call<{ readonly ID: string }>('/v3/lease/grant', { TTL: seconds }, signal);
    this.#current = { id, since };
    return id;
  }
}
