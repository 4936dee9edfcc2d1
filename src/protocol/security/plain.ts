/** SASL PLAIN: `authorization id · 0 · user · 0 · password`. https://www.rfc-editor.org/rfc/rfc4616 */
import { AuthenticationFailed, type Exchange } from './mechanism.ts';
import type { Users } from './users.ts';

const NOTHING = Buffer.alloc(0);

export class PlainExchange implements Exchange {
  readonly #users: Users;
  user: string | null = null;

  constructor(users: Users) {
    this.#users = users;
  }

  respond(token: Buffer): Buffer {
    const [authorizationId, user = '', password, ...more] = token.toString('utf8').split('\0');
    const known = password !== undefined && this.#users.hasPassword(user, password);
    // Nobody acts for somebody else.
    const asItself = authorizationId === '' || authorizationId === user;
    if (!known || !asItself || more.length > 0) throw new AuthenticationFailed();
    this.user = user;
    return NOTHING;
  }
}
