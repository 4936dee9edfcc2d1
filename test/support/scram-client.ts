/** The client's side of SCRAM, straight from RFC 5802 § 3, with every step open to be done wrong. */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';

export class ScramClient {
  readonly hash: 'sha256' | 'sha512';
  readonly user: string;
  readonly password: string;
  nonce = randomBytes(18).toString('base64');
  #bare = '';
  #authMessage = '';
  #salted = Buffer.alloc(0);

  constructor(hash: 'sha256' | 'sha512', user: string, password: string) {
    this.hash = hash;
    this.user = user;
    this.password = password;
  }

  first(): Buffer {
    this.#bare = `n=${this.user.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${this.nonce}`;
    return Buffer.from(`n,,${this.#bare}`);
  }

  /** @param change of the finished message's fields */
  final(
    serverFirst: Buffer,
    change: { binding?: string; nonce?: string; proof?: (proof: Buffer) => Buffer } = {},
  ): Buffer {
    const { r = '', s = '', i = '' } = fieldsOf(serverFirst);
    const size = this.hash === 'sha256' ? 32 : 64;
    this.#salted = pbkdf2Sync(this.password, Buffer.from(s, 'base64'), Number(i), size, this.hash);
    const withoutProof = `c=${change.binding ?? 'biws'},r=${change.nonce ?? r}`;
    this.#authMessage = `${this.#bare},${serverFirst},${withoutProof}`;
    const clientKey = this.#hmac(this.#salted, 'Client Key');
    const signature = this.#hmac(createHash(this.hash).update(clientKey).digest(), this.#authMessage);
    const proof = Buffer.from(clientKey.map((byte, at) => byte ^ signature[at]!));
    return Buffer.from(`${withoutProof},p=${(change.proof?.(proof) ?? proof).toString('base64')}`);
  }

  /** Whether the server knows the password too. */
  trusts(serverFinal: Buffer): boolean {
    const expected = this.#hmac(this.#hmac(this.#salted, 'Server Key'), this.#authMessage);
    return fieldsOf(serverFinal).v === expected.toString('base64');
  }

  #hmac(key: Buffer, text: string): Buffer {
    return createHmac(this.hash, key).update(text).digest();
  }
}

export function fieldsOf(message: Buffer): Record<string, string> {
  const fields = message.toString().split(',');
  return Object.fromEntries(fields.map((field) => [field.slice(0, 1), field.slice(2)]));
}
