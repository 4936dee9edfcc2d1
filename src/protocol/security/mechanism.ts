/** One authentication: tokens go back and forth until the client has proved who it is, or has failed. */
export interface Exchange {
  /** The answer to a token of the client. Throws `AuthenticationFailed`. */
  respond(token: Buffer): Buffer;
  /** The user, when that is proved. */
  readonly user: string | null;
}

/** The client did not prove who it is. Never says why: a client that guesses shall not learn. */
export class AuthenticationFailed extends Error {
  constructor() {
    super('authentication failed');
    this.name = 'AuthenticationFailed';
  }
}
