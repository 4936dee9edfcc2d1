/** The users of the listener and what proves that a client is one of them. */
import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto';

export interface KafkaUser {
  readonly name: string;
  readonly password: string;
  /** The one that the password is for; left out: all. */
  readonly mechanism?: 'PLAIN' | ScramMechanism | undefined;
}

/** SCRAM's hash functions, by the name of the mechanism. */
const HASHES = { 'SCRAM-SHA-256': 'sha256', 'SCRAM-SHA-512': 'sha512' } as const;
export type ScramMechanism = keyof typeof HASHES;

/** The least that RFC 5802 and Kafka allow; a client may refuse fewer. */
const ITERATIONS = 8_192;
const SALT_BYTES = 24;

/** What a server keeps of a password (RFC 5802 § 3). */
export interface ScramCredential {
  readonly salt: Buffer;
  readonly iterations: number;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

export class Users {
  readonly #passwords: ReadonlyMap<string, string>;
  readonly #credentials = new Map<string, ScramCredential>();
  /** Makes up credentials of users that do not exist, the same ones each time, so that nobody can tell. */
  readonly #secret = randomBytes(32);

  constructor(users: readonly KafkaUser[]) {
    const having = (wanted: string) => users.filter(({ mechanism = wanted }) => mechanism === wanted);
    this.#passwords = new Map(having('PLAIN').map(({ name, password }) => [name, password]));
    // Now and not when asked: the time that it takes would tell which users exist.
    for (const mechanism of Object.keys(HASHES) as ScramMechanism[]) {
      for (const { name, password } of having(mechanism)) {
        this.#credentials.set(credentialName(name, mechanism), derive(mechanism, password));
      }
    }
  }

  /** Replaces what a user proves itself by with the mechanism; null: it can no longer. False: it could not before. */
  setScram(name: string, mechanism: ScramMechanism, credential: ScramCredential | null): boolean {
    const key = credentialName(name, mechanism);
    if (credential === null) return this.#credentials.delete(key);
    this.#credentials.set(key, credential);
    return true;
  }

  /** Takes the same time for every password of a length, and for a user that does not exist. */
  hasPassword(name: string, password: string): boolean {
    const expected = this.#passwords.get(name);
    const digest = (text: string) => createHash('sha256').update(this.#secret).update(text).digest();
    const same = timingSafeEqual(digest(password), digest(expected ?? ''));
    return same && expected !== undefined;
  }

  /** Of a user that does not exist too: nobody can prove to have it. */
  scramCredential(name: string, mechanism: ScramMechanism): ScramCredential {
    const key = credentialName(name, mechanism);
    return this.#credentials.get(key) ?? this.#madeUp(key, mechanism);
  }

  #madeUp(key: string, mechanism: ScramMechanism): ScramCredential {
    const salt = createHmac('sha256', this.#secret).update(key).digest().subarray(0, SALT_BYTES);
    const noKey = randomBytes(createHash(HASHES[mechanism]).digest().length);
    return { salt, iterations: ITERATIONS, storedKey: noKey, serverKey: noKey };
  }
}

function credentialName(user: string, mechanism: ScramMechanism): string {
  return `${mechanism} ${user}`;
}

export function hashOf(mechanism: ScramMechanism): string {
  return HASHES[mechanism];
}

function derive(mechanism: ScramMechanism, password: string): ScramCredential {
  const salt = randomBytes(SALT_BYTES);
  const hash = HASHES[mechanism];
  const length = createHash(hash).digest().length;
  return credentialFrom(mechanism, salt, ITERATIONS, pbkdf2Sync(password, salt, ITERATIONS, length, hash));
}

/** ClientKey, StoredKey and ServerKey of RFC 5802 § 3. */
export function credentialFrom(
  mechanism: ScramMechanism,
  salt: Buffer,
  iterations: number,
  salted: Buffer,
): ScramCredential {
  const hash = HASHES[mechanism];
  const clientKey = createHmac(hash, salted).update('Client Key').digest();
  const storedKey = createHash(hash).update(clientKey).digest();
  const serverKey = createHmac(hash, salted).update('Server Key').digest();
  return { salt, iterations, storedKey, serverKey };
}
