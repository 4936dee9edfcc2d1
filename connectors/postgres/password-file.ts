/** Passwords of .pgpass (manual, 32.16): lines `host:port:database:user:password`, the first that fits holds. */
import { join } from 'node:path';
import { type Side, settingError } from './connection-string.ts';
import type { Surroundings } from './surroundings.ts';

export interface Login {
  /** As configured; of a Unix socket `localhost`. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
}

/**
 * Null without the file or a line that fits. Throws `<side>.not_ready` when others may read the file.
 * @param path of the file; default: PGPASSFILE, or that of the home directory
 */
export async function passwordOf(
  login: Login,
  path: string | undefined,
  around: Surroundings,
  side: Side,
): Promise<string | null> {
  const file = path ?? around.env.PGPASSFILE ?? join(around.home, '.pgpass');
  const text = await around.readText(file).catch(() => '');
  const password = findPassword(text, login);
  if (password !== null && ((await around.access(file)).mode & 0o077) !== 0) {
    throw settingError(side, `others may read the password file ${file}`, `chmod 600 ${file}`);
  }
  return password;
}

function findPassword(text: string, { host, port, database, user }: Login): string | null {
  const wanted = [host.startsWith('/') ? 'localhost' : host, `${port}`, database, user];
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith('#')) continue;
    const fields = fieldsOf(line);
    const fits = wanted.every((value, i) => fields[i] === '*' || unescaped(fields[i] ?? '') === value);
    if (fields.length === 5 && fits) return unescaped(fields[4]!);
  }
  return null;
}

/** Four fields that end at a colon, and the rest; `\:` and `\\` within. */
function fieldsOf(line: string): string[] {
  const fields: string[] = [];
  let rest = line;
  while (fields.length < 4) {
    const [whole, field] = /^((?:\\.|[^\\:])*):/.exec(rest) ?? [];
    if (whole === undefined) return [];
    fields.push(field!);
    rest = rest.slice(whole.length);
  }
  return [...fields, rest];
}

const unescaped = (text: string) => text.replace(/\\(.)/g, '$1');
