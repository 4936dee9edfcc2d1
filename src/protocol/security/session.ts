/** Who is at the other end of a connection. */
import { KafkaError, type KafkaErrorCode } from '../../wire/messages/error-codes.ts';
import { AuthenticationFailed, type Exchange } from './mechanism.ts';
import { PlainExchange } from './plain.ts';
import { ScramExchange } from './scram.ts';
import type { Users } from './users.ts';

export type Mechanism = 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';

export const MECHANISMS: readonly Mechanism[] = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'];

export interface Authentication {
  readonly users: Users;
  readonly mechanisms: readonly Mechanism[];
  /** Clients must prove again who they are within this time, ms (KIP-368); left out: never. */
  readonly lifetimeMs?: number | undefined;
}

/** Kafka's name of a client on a listener without authentication. */
const ANONYMOUS = 'ANONYMOUS';

export class Session {
  readonly #authentication: Authentication | null;
  #exchange: Exchange | null = null;
  #user: string | null;
  /** Tokens follow as bare frames: the client began with SaslHandshake 0. */
  #bareTokens = false;
  /** By the monotonic clock, ms. */
  #expiresAt = Number.POSITIVE_INFINITY;

  /** @param authentication null: everybody is let in */
  constructor(authentication: Authentication | null) {
    this.#authentication = authentication;
    this.#user = authentication === null ? ANONYMOUS : null;
  }

  /** Null until the client has proved who it is. */
  get user(): string | null {
    return this.#user;
  }

  get expectsBareToken(): boolean {
    return this.#bareTokens && this.#user === null;
  }

  get mechanisms(): readonly Mechanism[] {
    return this.#authentication?.mechanisms ?? [];
  }

  /** What a client that has just proved who it is, is told: how long that holds, ms; 0: for ever, or not yet. */
  get lifetimeMs(): number {
    return this.#user === null || this.#exchange !== null ? 0 : (this.#authentication?.lifetimeMs ?? 0);
  }

  /** @param now by the monotonic clock, ms */
  isExpired(now: number): boolean {
    return now > this.#expiresAt;
  }

  /** Begins an exchange, in place of one that was begun before. */
  handshake(name: string, bareTokens: boolean): KafkaErrorCode {
    const authentication = this.#authentication;
    if (authentication === null) return KafkaError.ILLEGAL_SASL_STATE;
    if (this.#user !== null && (authentication.lifetimeMs === undefined || bareTokens)) {
      return KafkaError.ILLEGAL_SASL_STATE;
    }
    const mechanism = authentication.mechanisms.find((known) => known === name);
    if (mechanism === undefined) return KafkaError.UNSUPPORTED_SASL_MECHANISM;
    const { users } = authentication;
    this.#exchange = mechanism === 'PLAIN' ? new PlainExchange(users) : new ScramExchange(users, mechanism);
    this.#bareTokens = bareTokens;
    return KafkaError.NONE;
  }

  /**
   * The answer to the client's token; null when there was no handshake. Throws `AuthenticationFailed`, also where somebody
   * else comes back than began.
   * @param now by the monotonic clock, ms
   */
  respond(token: Buffer, now: number): Buffer | null {
    const exchange = this.#exchange;
    if (exchange === null) return null;
    const answer = exchange.respond(token);
    if (exchange.user === null) return answer;
    if (this.#user !== null && this.#user !== exchange.user) throw new AuthenticationFailed();
    this.#user = exchange.user;
    this.#exchange = null;
    this.#expiresAt = now + (this.#authentication?.lifetimeMs ?? Number.POSITIVE_INFINITY);
    return answer;
  }
}
