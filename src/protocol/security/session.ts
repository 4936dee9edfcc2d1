/** Who is at the other end of a connection. */
import { KafkaError, type KafkaErrorCode } from '../../wire/messages/error-codes.ts';
import type { Exchange } from './mechanism.ts';
import { PlainExchange } from './plain.ts';
import { ScramExchange } from './scram.ts';
import type { Users } from './users.ts';

export type Mechanism = 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';

export const MECHANISMS: readonly Mechanism[] = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'];

export interface Authentication {
  readonly users: Users;
  readonly mechanisms: readonly Mechanism[];
}

/** Kafka's name of a client on a listener without authentication. */
const ANONYMOUS = 'ANONYMOUS';

export class Session {
  readonly #authentication: Authentication | null;
  #exchange: Exchange | null = null;
  #user: string | null;
  /** Tokens follow as bare frames: the client began with SaslHandshake 0. */
  #bareTokens = false;

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

  /** Begins an exchange, in place of one that was begun before. */
  handshake(name: string, bareTokens: boolean): KafkaErrorCode {
    const authentication = this.#authentication;
    if (authentication === null || this.#user !== null) return KafkaError.ILLEGAL_SASL_STATE;
    const mechanism = authentication.mechanisms.find((known) => known === name);
    if (mechanism === undefined) return KafkaError.UNSUPPORTED_SASL_MECHANISM;
    const { users } = authentication;
    this.#exchange = mechanism === 'PLAIN' ? new PlainExchange(users) : new ScramExchange(users, mechanism);
    this.#bareTokens = bareTokens;
    return KafkaError.NONE;
  }

  /** The answer to the client's token; null when there was no handshake. Throws `AuthenticationFailed`. */
  respond(token: Buffer): Buffer | null {
    if (this.#exchange === null || this.#user !== null) return null;
    const answer = this.#exchange.respond(token);
    this.#user = this.#exchange.user;
    return answer;
  }
}
