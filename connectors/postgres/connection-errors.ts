/** Errors of TLS and of what goes with it, as typed errors that say what to do. Codes are those of OpenSSL and Node. */
import { TailraceError } from '../../src/sdk/index.ts';
import { NO_BINDING } from './channel-binding.ts';
import type { ConnectionSettings } from './connection-settings.ts';
import type { Side } from './connection-string.ts';

const UNKNOWN_AUTHORITY =
  /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_(VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT(_LOCALLY)?)|CERT_(UNTRUSTED|SIGNATURE_FAILURE)|INVALID_CA)$/;
const OWN_FILES = /^ERR_OSSL_|^ERR_TLS_CERT_ALTNAME_FORMAT$/;

/** Words by which errors are known: TLS is not offered; bytes that PostgreSQL would not send. */
export const NOT_OFFERED = 'the server does not support TLS';
export const NO_ANSWER = 'the answer to the request for TLS is not that of PostgreSQL';

interface Problem {
  readonly what: string;
  readonly remedy: string;
  /** Default: `not_ready`. */
  readonly kind?: 'unreachable';
}

/** Errors that another way to connect may get around. */
export function isTlsError(error: unknown): boolean {
  return problemOf(error, '', 'source') !== null;
}

/** Those of TLS and channel binding as typed ones, which can be tried again only if something else may answer; others as they are. */
export function tlsError(error: unknown, { host, port }: ConnectionSettings, side: Side): unknown {
  const problem = problemOf(error, host, side);
  if (problem === null) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  const words = `a TLS connection to PostgreSQL at ${host}:${port} cannot be made: ${problem.what}`;
  return new TailraceError(
    `${side}.${problem.kind ?? 'not_ready'}`,
    code === undefined ? words : `${words} (${code})`,
    {
      remedy: problem.remedy,
      detail: message,
    },
  );
}

function problemOf(error: unknown, host: string, side: Side): Problem | null {
  if (!(error instanceof Error) || error instanceof TailraceError) return null;
  const { code = '', message } = error as NodeJS.ErrnoException;
  const url = `\`url\` of the ${side}`;
  if (message === NO_BINDING) {
    const remedy = `let the server use scram-sha-256 over TLS, or take channel_binding out of ${url}`;
    return { what: 'the server offers no channel binding, which is required', remedy };
  }
  if (message === NO_ANSWER) {
    const remedy = `check host and port in ${url}`;
    return { what: 'what answers is not PostgreSQL, or somebody interferes', remedy, kind: 'unreachable' };
  }
  if (message === NOT_OFFERED) {
    return { what: 'the server has no TLS', remedy: `turn \`ssl\` on at the server, or take sslmode out of ${url}` };
  }
  if (UNKNOWN_AUTHORITY.test(code)) {
    const remedy = `add sslrootcert=<file of the authority that signed it> to ${url}; sslmode=require goes without checking`;
    return { what: 'nobody who is trusted vouches for the server’s certificate', remedy };
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const remedy = `use the name in the certificate as host in ${url} (hostaddr=<address> where it cannot be looked up), or set sslmode=verify-ca`;
    return { what: `the server’s certificate is not for ${host}`, remedy };
  }
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') {
    const what = code === 'CERT_HAS_EXPIRED' ? 'has expired' : 'is not valid yet';
    return { what: `the server’s certificate ${what}`, remedy: 'renew it at the server, or correct the clock here' };
  }
  if (code === 'CERT_REVOKED')
    return { what: 'the server’s certificate was revoked', remedy: 'renew it at the server' };
  if (/PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|NO_PROTOCOLS/.test(code)) {
    const remedy = `set ssl_min_protocol_version of the server to TLSv1.2, or ssl_min_protocol_version in ${url}`;
    return { what: 'the server has no version of TLS that is allowed here', remedy };
  }
  if (/^ERR_SSL_.*ALERT.*(CERTIFICATE|UNKNOWN_CA)/.test(code)) {
    const remedy = `correct sslcert and sslkey in ${url}, or ssl_ca_file of the server`;
    return { what: 'the server does not accept our certificate', remedy };
  }
  if (OWN_FILES.test(code)) {
    const remedy = `correct sslrootcert, sslcert, sslkey, sslpassword or sslcrl in ${url}`;
    return { what: 'a file of certificates or keys cannot be used', remedy };
  }
  if (/CERT|CRL/.test(code))
    return { what: 'the server’s certificate was refused', remedy: `look at the code; renew it` };
  return null;
}
