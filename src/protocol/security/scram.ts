/**
 * SASL SCRAM, the server's side. https://www.rfc-editor.org/rfc/rfc5802
 *
 *     client  n,,n=user,r=clientNonce
 *     server  r=clientNonce serverNonce,s=salt,i=iterations
 *     client  c=biws,r=…,p=ClientProof
 *     server  v=ServerSignature
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { AuthenticationFailed, type Exchange } from './mechanism.ts';
import { hashOf, type ScramCredential, type ScramMechanism, type Users } from './users.ts';

const NONCE_BYTES = 24;
/** No channel binding; an authorization id may follow. Extensions after the nonce are not understood, and refused by none. */
const CLIENT_FIRST = /^n,(?:a=([^,]*))?,(n=([^,]*),r=([\x21-\x2b\x2d-\x7e]+)(?:,.*)?)$/s;
const CLIENT_FINAL = /^(c=([^,]*),r=([\x21-\x2b\x2d-\x7e]+)(?:,[^p].*)?),p=([A-Za-z0-9+/]+=*)$/s;

interface Started {
  readonly user: string;
  readonly serverNonce: string;
  readonly credential: ScramCredential;
  readonly gs2Header: string;
  /** `client-first-message-bare , server-first-message`. */
  readonly authMessage: string;
}

export class ScramExchange implements Exchange {
  readonly #users: Users;
  readonly #mechanism: ScramMechanism;
  #started: Started | null = null;
  user: string | null = null;

  constructor(users: Users, mechanism: ScramMechanism) {
    this.#users = users;
    this.#mechanism = mechanism;
  }

  respond(token: Buffer): Buffer {
    const started = this.#started;
    if (this.user !== null) throw new AuthenticationFailed();
    return Buffer.from(started === null ? this.#first(token.toString('utf8')) : this.#final(token, started));
  }

  #first(message: string): string {
    const match = CLIENT_FIRST.exec(message);
    if (match === null) throw new AuthenticationFailed();
    const [, authorizationId = '', bare = '', name = '', clientNonce = ''] = match;
    const user = unescaped(name);
    if (authorizationId !== '' && unescaped(authorizationId) !== user) throw new AuthenticationFailed();
    const credential = this.#users.scramCredential(user, this.#mechanism);
    const serverNonce = randomBytes(NONCE_BYTES).toString('base64');
    const { salt, iterations } = credential;
    const answer = `r=${clientNonce}${serverNonce},s=${salt.toString('base64')},i=${iterations}`;
    const gs2Header = message.slice(0, message.length - bare.length);
    this.#started = { user, serverNonce, credential, gs2Header, authMessage: `${bare},${answer}` };
    return answer;
  }

  #final(token: Buffer, { user, serverNonce, credential, gs2Header, authMessage }: Started): string {
    const match = CLIENT_FINAL.exec(token.toString('utf8'));
    if (match === null) throw new AuthenticationFailed();
    const [, withoutProof = '', binding = '', finalNonce = '', proof = ''] = match;
    const sameBinding = Buffer.from(binding, 'base64').toString('utf8') === gs2Header;
    const message = `${authMessage},${withoutProof}`;
    const proved = this.#proves(Buffer.from(proof, 'base64'), message, credential.storedKey);
    // The end of it is ours. librdkafka puts its own nonce before the whole once more, and Kafka lets it.
    if (!proved || !sameBinding || !finalNonce.endsWith(serverNonce)) throw new AuthenticationFailed();
    this.user = user;
    const signature = createHmac(hashOf(this.#mechanism), credential.serverKey).update(message).digest('base64');
    return `v=${signature}`;
  }

  /** The proof is the client's key, hidden by a signature that needs the stored key: undo it, and compare hashes. */
  #proves(proof: Buffer, message: string, storedKey: Buffer): boolean {
    const hash = hashOf(this.#mechanism);
    const signature = createHmac(hash, storedKey).update(message).digest();
    if (proof.length !== signature.length) return false;
    const clientKey = Buffer.from(proof.map((byte, i) => byte ^ signature[i]!));
    return timingSafeEqual(createHash(hash).update(clientKey).digest(), storedKey);
  }
}

/** `=2C` is a comma and `=3D` an equals sign; any other `=` is an error (RFC 5802 § 5.1). */
function unescaped(name: string): string {
  if (/=(?!2C|3D)/.test(name)) throw new AuthenticationFailed();
  return name.replaceAll('=2C', ',').replaceAll('=3D', '=');
}
