/**
 * How to connect, as libpq finds it out (manual, 32.1): what the connection string leaves out comes from the service file, then
 * from PG* variables, then from the password file. Other than libpq, a connection is made with TLS and a certificate that was
 * checked as soon as the server offers TLS, if nothing else is said.
 */
import { type Parameters, parseConnectionString, type Side, settingError } from './connection-string.ts';
import { passwordOf } from './password-file.ts';
import { readService } from './service-file.ts';
import { SESSIONS, type SessionKind } from './several-servers.ts';
import type { Surroundings } from './surroundings.ts';

/** Variable → parameter (manual, 32.15). */
const VARIABLES: Readonly<Record<string, string>> = {
  PGHOST: 'host',
  PGHOSTADDR: 'hostaddr',
  PGPORT: 'port',
  PGDATABASE: 'dbname',
  PGUSER: 'user',
  PGPASSWORD: 'password',
  PGOPTIONS: 'options',
  PGAPPNAME: 'application_name',
  PGCONNECT_TIMEOUT: 'connect_timeout',
  PGTARGETSESSIONATTRS: 'target_session_attrs',
  PGCHANNELBINDING: 'channel_binding',
  PGSSLMODE: 'sslmode',
  PGSSLNEGOTIATION: 'sslnegotiation',
  PGSSLROOTCERT: 'sslrootcert',
  PGSSLCERT: 'sslcert',
  PGSSLKEY: 'sslkey',
  PGSSLCRL: 'sslcrl',
  PGSSLSNI: 'sslsni',
  PGSSLMINPROTOCOLVERSION: 'ssl_min_protocol_version',
  PGSSLMAXPROTOCOLVERSION: 'ssl_max_protocol_version',
};

/** `no-verify` is what `pg` calls `require` that ignores root certificates. */
const MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'] as const;
export type SslMode = (typeof MODES)[number];

const BINDINGS = ['disable', 'prefer', 'require'] as const;
const NEGOTIATIONS = ['postgres', 'direct'] as const;
const VERSIONS = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const;
export type TlsVersion = (typeof VERSIONS)[number];

export interface ConnectionSettings {
  /** Name or address; that of a directory for a Unix socket. */
  readonly host: string;
  /** Where to connect to instead of looking `host` up. */
  readonly address: string | null;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string | null;
  readonly options: string | null;
  readonly applicationName: string | null;
  readonly timeoutMs: number;
  readonly channelBinding: (typeof BINDINGS)[number];
  /** Null: nothing is said. Always so for a Unix socket, which has no TLS. */
  readonly mode: SslMode | null;
  readonly negotiation: (typeof NEGOTIATIONS)[number];
  /** Paths; null: libpq's default, if there is such a file. `rootCert` may also be `system`. */
  readonly rootCert: string | null;
  readonly cert: string | null;
  readonly key: string | null;
  readonly crl: string | null;
  readonly keyPassword: string | null;
  readonly sendName: boolean;
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion | null;
}

const CONNECT_MS = 10_000;
const PORT = 5_432;

/** Which servers there are, in the order in which they are tried, and what the one that is used must be. */
export interface ConnectionTargets {
  readonly servers: readonly ConnectionSettings[];
  readonly session: SessionKind;
}

/** Throws `<side>.not_ready` for what cannot be read or is contradictory. */
export async function connectionTargets(url: string, side: Side, around: Surroundings): Promise<ConnectionTargets> {
  const said = await collect(url, side, around);
  const places = placesOf(said, side);
  // Other than with libpq: of several servers a standby is not used by accident, which has neither our slot nor takes rows.
  const usual = places.length === 1 ? 'any' : side === 'source' ? 'primary' : 'read-write';
  const session = oneOf(SESSIONS, said, 'target_session_attrs', side) ?? usual;
  const servers = await Promise.all(places.map((place) => connectionSettings(said, place, side, around)));
  return { servers, session };
}

interface Place {
  readonly host: string;
  readonly address: string | null;
  readonly port: number;
}

/** One for each host, or address where no hosts are named. */
function placesOf(said: Parameters, side: Side): readonly Place[] {
  const list = (name: string) => said.get(name)?.split(',') ?? [];
  const [hosts, addresses, ports] = [list('host'), list('hostaddr'), list('port')];
  const count = Math.max(1, hosts.length, addresses.length);
  const fits = [hosts, addresses, ports].every(({ length }) => length <= 1 || length === count);
  const isPaired = hosts.length === 0 || addresses.length === 0 || hosts.length === addresses.length;
  if (!fits || !isPaired) {
    const message = `the hosts, addresses and ports of the ${side} are not as many as each other`;
    throw settingError(side, message, 'name a port for each host, or one for all');
  }
  return Array.from({ length: count }, (_, i) => {
    const address = addresses[i] || null;
    const port = (ports.length === 1 ? ports[0] : ports[i]) || null;
    return { host: hosts[i] || address || 'localhost', address, port: portOf(port, side) };
  });
}

async function connectionSettings(
  said: Parameters,
  { host, address, port }: Place,
  side: Side,
  around: Surroundings,
): Promise<ConnectionSettings> {
  const take = (name: string) => said.get(name) ?? null;
  const user = take('user') ?? around.user;
  const login = { host, port, database: take('dbname') ?? user, user };
  const seconds = Number(take('connect_timeout') ?? 0);
  return {
    ...login,
    address,
    password: take('password') ?? (await passwordOf(login, take('passfile') ?? undefined, around, side)),
    options: take('options'),
    applicationName: take('application_name'),
    timeoutMs: seconds > 0 ? Math.min(seconds, 3_600) * 1_000 : CONNECT_MS,
    channelBinding: oneOf(BINDINGS, said, 'channel_binding', side) ?? 'prefer',
    ...tlsSettings(said, host, side),
  };
}

async function collect(url: string, side: Side, around: Surroundings): Promise<Parameters> {
  const own = parseConnectionString(url, side);
  const variables = Object.entries(VARIABLES).flatMap(([variable, name]): [string, string][] => {
    const value = around.env[variable];
    return value === undefined || value === '' ? [] : [[name, value]];
  });
  const service = own.get('service') ?? around.env.PGSERVICE;
  const ofService = service === undefined ? [] : await readService(service, own.get('servicefile'), around, side);
  return new Map([...variables, ...ofService, ...own]);
}

function tlsSettings(said: Parameters, host: string, side: Side) {
  const rootCert = said.get('sslrootcert') ?? null;
  const negotiation = oneOf(NEGOTIATIONS, said, 'sslnegotiation', side) ?? 'postgres';
  const asked = oneOf(MODES, said, 'sslmode', side) ?? olderMode(said.get('ssl'));
  const isStrict = rootCert === 'system' || negotiation === 'direct';
  const mode = host.startsWith('/') ? null : (asked ?? (isStrict ? 'verify-full' : null));
  if (rootCert === 'system' && mode !== null && mode !== 'verify-full') {
    throw settingError(side, `sslmode=${mode} does not go with sslrootcert=system`, 'set sslmode=verify-full');
  }
  if (negotiation === 'direct' && (mode === 'disable' || mode === 'allow' || mode === 'prefer')) {
    throw settingError(side, `sslmode=${mode} does not go with sslnegotiation=direct`, 'set sslmode=verify-full');
  }
  return {
    mode,
    negotiation,
    rootCert,
    cert: said.get('sslcert') ?? null,
    key: said.get('sslkey') ?? null,
    crl: said.get('sslcrl') ?? null,
    keyPassword: said.get('sslpassword') ?? null,
    sendName: said.get('sslsni') !== '0',
    minVersion: oneOf(VERSIONS, said, 'ssl_min_protocol_version', side) ?? 'TLSv1.2',
    maxVersion: oneOf(VERSIONS, said, 'ssl_max_protocol_version', side),
  };
}

/** `ssl`, as other drivers have it. */
function olderMode(text: string | undefined): SslMode | null {
  if (text === undefined) return null;
  if (text === 'no-verify') return 'no-verify';
  return text === 'false' || text === '0' ? 'disable' : 'verify-full';
}

function portOf(text: string | null, side: Side): number {
  const port = text === null ? PORT : /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65_535) return port;
  throw settingError(side, `the port of the ${side} is no number from 1 to 65535`, 'correct it in `url`');
}

function oneOf<T extends string>(values: readonly T[], said: Parameters, name: string, side: Side): T | null {
  const text = said.get(name);
  if (text === undefined) return null;
  const found = values.find((value) => value === text);
  if (found !== undefined) return found;
  throw settingError(
    side,
    `the value of ${name} for the ${side} is not known`,
    `set it to one of ${values.join(', ')}`,
  );
}
