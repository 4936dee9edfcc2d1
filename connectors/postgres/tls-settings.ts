/** From the settings of a connection to those of TLS, and how each kind of `sslmode` gets to a connection. */
import { isIP } from 'node:net';
import { join } from 'node:path';
import { type ConnectionOptions, checkServerIdentity, getCACertificates } from 'node:tls';
import type { ConnectionSettings } from './connection-settings.ts';
import { type Side, settingError } from './connection-string.ts';
import type { Surroundings } from './surroundings.ts';

/** `offered`: TLS if the server has it. */
export type Way = 'plain' | 'offered' | 'tls';

/** Tried in turn while the server refuses the one before. */
export function waysOf({ mode, host }: ConnectionSettings): readonly Way[] {
  if (host.startsWith('/')) return ['plain'];
  switch (mode) {
    case null:
      return ['offered'];
    case 'disable':
      return ['plain'];
    case 'allow':
      return ['plain', 'tls'];
    case 'prefer':
      return ['offered', 'plain'];
    default:
      return ['tls'];
  }
}

/** Throws `<side>.not_ready` for files that are not there or that others may read. */
export async function tlsOptions(
  settings: ConnectionSettings,
  side: Side,
  around: Surroundings,
): Promise<ConnectionOptions> {
  const { host, minVersion, maxVersion, negotiation, sendName } = settings;
  const files = new Files(side, around);
  const roots = await rootsOf(settings, files);
  const crl = await files.named('sslcrl', settings.crl);
  return {
    ...verification(settings, roots, side),
    ...(await clientCertificate(settings, files)),
    ...(crl !== null && { crl }),
    host,
    // An address may not be sent as a name (RFC 6066, 3).
    ...(sendName && isIP(host) === 0 && { servername: host }),
    minVersion,
    ...(maxVersion !== null && { maxVersion }),
    ...(negotiation === 'direct' && { ALPNProtocols: ['postgresql'] }),
  };
}

/** The certificates of `sslrootcert`, or of libpq's default file; null without them: those that everybody trusts. */
async function rootsOf({ rootCert, mode }: ConnectionSettings, files: Files): Promise<string | null> {
  if (rootCert === 'system' || mode === 'no-verify') return null;
  return rootCert === null ? files.usual('root.crt') : files.named('sslrootcert', rootCert);
}

function verification({ mode, host }: ConnectionSettings, roots: string | null, side: Side): ConnectionOptions {
  const isTrusting =
    mode === 'no-verify' || mode === 'allow' || mode === 'prefer' || (mode === 'require' && roots === null);
  if (isTrusting) return { rejectUnauthorized: false };
  if (mode === 'verify-ca' && roots === null) {
    const message = `sslmode=verify-ca without root certificates would trust everybody's certificate`;
    throw settingError(side, message, `add sslrootcert=<file> to \`url\` of the ${side}, or set sslmode=verify-full`);
  }
  const isNamed = mode === null || mode === 'verify-full';
  return {
    ca: roots ?? [...getCACertificates('default'), ...getCACertificates('system')],
    checkServerIdentity: isNamed ? (_, certificate) => checkServerIdentity(host, certificate) : () => undefined,
  };
}

async function clientCertificate(
  { cert, key, keyPassword }: ConnectionSettings,
  files: Files,
): Promise<ConnectionOptions> {
  const certificate = cert === null ? await files.usual('postgresql.crt') : await files.named('sslcert', cert);
  if (certificate === null) return {};
  const privateKey = await files.privateKey(key);
  return { cert: certificate, key: privateKey, ...(keyPassword !== null && { passphrase: keyPassword }) };
}

/** Files of certificates and keys. */
class Files {
  readonly #side: Side;
  readonly #around: Surroundings;

  constructor(side: Side, around: Surroundings) {
    this.#side = side;
    this.#around = around;
  }

  async named(parameter: string, path: string): Promise<string>;
  async named(parameter: string, path: string | null): Promise<string | null>;
  async named(parameter: string, path: string | null): Promise<string | null> {
    if (path === null) return null;
    try {
      return await this.#around.readText(path);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const message = `the file of ${parameter}, ${path}, cannot be read (${code})`;
      throw settingError(this.#side, message, `correct ${parameter} in \`url\` of the ${this.#side}`);
    }
  }

  /** Of libpq's directory; null when it is not there. */
  usual(name: string): Promise<string | null> {
    return this.#around.readText(this.#usualPath(name)).catch(() => null);
  }

  /** As libpq: nobody else may read it, or it is root's and its group may. */
  async privateKey(path: string | null): Promise<string> {
    const file = path ?? this.#usualPath('postgresql.key');
    const text = await this.named('sslkey', file);
    const { mode, uid } = await this.#around.access(file);
    if ((mode & (uid === 0 ? 0o037 : 0o077)) !== 0) {
      throw settingError(this.#side, `others may read the private key ${file}`, `chmod 600 ${file}`);
    }
    return text;
  }

  #usualPath(name: string): string {
    return join(this.#around.home, '.postgresql', name);
  }
}
