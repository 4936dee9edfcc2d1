/**
 * What a connection string says, as libpq reads it (manual, 32.1.1.2): parameter → value. Messages hold none of its values
 * but those of closed lists: a slip may put the password anywhere (Invariant 12).
 */
import { TailraceError } from '../../src/sdk/index.ts';

/** Of whom the string is: in whose configuration the remedy is to be done. */
export type Side = 'source' | 'sink';

/** Of the key `url`. */
export const CONNECTION_STRING =
  'Connection string, `postgres://user:password@host:port/database?parameter=value`. What it leaves out comes, as with libpq, ' +
  'from a service (`service`, `pg_service.conf`), from `PG*` variables and `.pgpass`. Of several servers, `host1:port1,host2:port2`, the ' +
  'first is used that answers and is what `target_session_attrs` asks for (default: the primary). TLS is used whenever the server offers ' +
  'it, and its certificate is checked; otherwise by `sslmode` (`disable` to `verify-full`), `sslrootcert`, `sslcert`, `sslkey`, ' +
  '`sslcrl`, `sslnegotiation`, `channel_binding`.';

export type Parameters = ReadonlyMap<string, string>;

/** Those that are obeyed. */
const OBEYED = new Set([
  'host',
  'hostaddr',
  'port',
  'dbname',
  'user',
  'password',
  'passfile',
  'service',
  'servicefile',
  'options',
  'application_name',
  'fallback_application_name',
  'connect_timeout',
  'target_session_attrs',
  'channel_binding',
  'ssl',
  'sslmode',
  'sslnegotiation',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'sslpassword',
  'sslcrl',
  'sslsni',
  'ssl_min_protocol_version',
  'ssl_max_protocol_version',
]);
/** Those whose wish is met without them, or does not matter here. */
const MET = /^(client_encoding|keepalives(_\w+)?|tcp_user_timeout|sslcompression|krbsrvname|gss\w+|uselibpqcompat)$/;
/** Values with which others ask for nothing. */
const NOTHING_ASKED: Readonly<Record<string, string>> = { load_balance_hosts: 'disable' };

/** A setting that cannot be used as it stands. */
export function settingError(side: Side, message: string, remedy: string): TailraceError {
  return new TailraceError(`${side}.not_ready`, message, { remedy });
}

/** Why a string cannot be used whatever the environment says, as what follows the name of its key; null: it can. */
export function stringProblem(url: string, side: Side): string | null {
  try {
    const ports = parseConnectionString(url, side).get('port')?.split(',') ?? [];
    const isPort = (port: string) => /^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535;
    // Of several servers, those that are left out are the usual one.
    const areAll = ports.every((port) => isPort(port) || (port === '' && ports.length > 1));
    return areAll ? null : 'has a port that is no number from 1 to 65535';
  } catch (error) {
    if (error instanceof TailraceError) return `cannot be used: ${error.message}`;
    throw error;
  }
}

/** Throws `<side>.not_ready` for a string that cannot be read and for parameters that are not known. */
export function parseConnectionString(url: string, side: Side): Parameters {
  const parts = /^postgres(?:ql)?:\/\/(?:([^/?]*)@)?([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/s.exec(url);
  const servers = parts === null ? null : serversOf(parts[2]!);
  if (parts === null || servers === null || parts[3]?.includes('@') === true) throw unreadable(side);
  const [, login = '', , dbname = '', query = ''] = parts;
  const colon = login.indexOf(':');
  const [user, password] = colon < 0 ? [login, ''] : [login.slice(0, colon), login.slice(colon + 1)];
  const said = Object.entries({ user, password, ...servers, dbname });
  const pairs = query.split('&').map((pair): [string, string] => {
    const [, name, value] = /^([^=]*)=?(.*)$/s.exec(pair)!;
    return [name!, value!.replaceAll('+', '%20')];
  });
  try {
    const decoded = [...said, ...pairs].map(([name, text]): [string, string] => [
      decodeURIComponent(name),
      decodeURIComponent(text),
    ]);
    const parameters = new Map(decoded.filter(([name, text]) => name !== '' && text !== ''));
    for (const [name, value] of parameters) checkParameter(name, value, `\`url\` of the ${side}`, side);
    return parameters;
  } catch (error) {
    throw error instanceof URIError ? unreadable(side) : error;
  }
}

/** `a:1,[::1]:2` → lists of hosts and ports. Null: it cannot be read. */
function serversOf(text: string): { readonly host: string; readonly port: string } | null {
  const servers = text.split(',').map((one) => /^(?:\[([^\]]*)\]|([^:]*))(?::([^:]*))?$/.exec(one));
  if (servers.some((one) => one === null)) return null;
  const list = (of: (one: RegExpExecArray) => string) => {
    const all = servers.map((one) => of(one!));
    return all.some((one) => one !== '') ? all.join(',') : '';
  };
  return { host: list(([, address, name]) => address ?? name ?? ''), port: list(([, , , port]) => port ?? '') };
}

/** The same for one of its servers, which has to stay what it is. @param url can be read */
export function atServer(
  url: string,
  side: Side,
  { host, address, port }: { readonly host: string; readonly address: string | null; readonly port: number },
  session: string,
): string {
  const said = new Map(parseConnectionString(url, side));
  const take = (name: string) => {
    const value = said.get(name) ?? '';
    said.delete(name);
    return encodeURIComponent(value);
  };
  const [user, password, database] = [take('user'), take('password'), take('dbname')];
  for (const name of ['host', 'hostaddr', 'port']) said.delete(name);
  if (address !== null) said.set('hostaddr', address);
  said.set('target_session_attrs', session);
  const rest = [...said].map((pair) => pair.map(encodeURIComponent).join('='));
  const login = `${user}${password === '' ? '' : `:${password}`}`;
  const place = host.includes(':') ? `[${host}]` : encodeURIComponent(host);
  return `postgres://${login === '' ? '' : `${login}@`}${place}:${port}/${database}?${rest.join('&')}`;
}

/** Throws for one that is not known, or asks for what is not offered. @param place where it stands */
export function checkParameter(name: string, value: string, place: string, side: Side): void {
  if (OBEYED.has(name) || MET.test(name) || NOTHING_ASKED[name] === value) return;
  // A slip in the password may look as if it were a parameter.
  const which = /^[a-z_]{1,40}$/.test(name) ? `the parameter ${name}` : 'a parameter';
  throw settingError(side, `${place} has ${which}, which is not offered`, 'take it out');
}

function unreadable(side: Side): TailraceError {
  const remedy =
    'write postgres://user:password@host:port/database; in user, password and database each of :/?#[]@% as %XX (@ is %40, / is %2F)';
  return settingError(side, `the \`url\` of the ${side} cannot be read`, remedy);
}
