/**
 * How many bytes a second a user may write and read, over all its connections. A request that goes above it is answered at
 * once, with the time after which the user is within its quota again; its connection then begins nothing before
 * (https://cwiki.apache.org/confluence/display/KAFKA/KIP-219).
 */
import type { Clock } from '../contracts/plugin.ts';
import type { RequestContext } from './request.ts';

export interface Quota {
  /** Bytes a second; null: as many as it likes. */
  readonly produce: number | null;
  readonly fetch: number | null;
}

export interface QuotaOptions {
  /** Of each user that has none of its own. */
  readonly byDefault: Quota;
  readonly users: ReadonlyMap<string, Quota>;
}

/** What a user did not use of its quota before is kept for this long, ms. */
const BURST_MS = 1_000;
/** Longer, and clients give up waiting for an answer. What is left of the time counts for the next request. */
const MAX_THROTTLE_MS = 10_000;

const NO_QUOTA: Quota = { produce: null, fetch: null };

export class Quotas {
  readonly #clock: Clock;
  readonly #options: QuotaOptions;
  /** When what a user has written or read is paid for, by the monotonic clock. There are as many as users. */
  readonly #paidAt = new Map<string, number>();

  constructor(clock: Clock, options: QuotaOptions = { byDefault: NO_QUOTA, users: new Map() }) {
    this.#clock = clock;
    this.#options = options;
  }

  /** Counts the bytes and mutes the connection as long as needed; what to tell the client, ms. */
  charge({ session, mute }: Pick<RequestContext, 'session' | 'mute'>, kind: keyof Quota, bytes: number): number {
    const user = session.user ?? '';
    const rate = (this.#options.users.get(user) ?? this.#options.byDefault)[kind];
    if (rate === null) return 0;
    const now = this.#clock.monotonic();
    const name = `${kind} ${user}`;
    const paidAt =
      Math.max(this.#paidAt.get(name) ?? Number.NEGATIVE_INFINITY, now - BURST_MS) + (bytes / rate) * 1_000;
    this.#paidAt.set(name, paidAt);
    const ms = Math.min(MAX_THROTTLE_MS, Math.ceil(paidAt - now));
    if (ms <= 0) return 0;
    mute(ms);
    return ms;
  }
}
