/** Connection parameters under a name, in pg_service.conf (manual, 32.17). */
import { join } from 'node:path';
import { checkParameter, type Parameters, type Side, settingError } from './connection-string.ts';
import type { Surroundings } from './surroundings.ts';

/**
 * @param file that of `servicefile`; otherwise that of the user, then that of the system
 * Throws `<side>.not_ready` when there is no such service, or it holds what is not offered.
 */
export async function readService(
  name: string,
  file: string | undefined,
  around: Surroundings,
  side: Side,
): Promise<Parameters> {
  const { env, home } = around;
  const user = file ?? env.PGSERVICEFILE ?? join(home, '.pg_service.conf');
  const system = env.PGSYSCONFDIR === undefined ? [] : [join(env.PGSYSCONFDIR, 'pg_service.conf')];
  for (const path of [user, ...system]) {
    const text = await read(path, around, side);
    const found = text === null ? null : section(text, name, path, side);
    if (found !== null) return found;
  }
  const places = [user, ...system].join(' or ');
  throw settingError(side, `there is no service ${name} in ${places}`, 'correct the name, or add the service there');
}

async function read(path: string, { readText }: Surroundings, side: Side): Promise<string | null> {
  try {
    return await readText(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return null;
    throw settingError(side, `the service file ${path} cannot be read (${code})`, 'let Tailrace read it');
  }
}

/** Lines `[name]`, `key=value`, `# comment`; the first section of a name holds. Null without it. */
function section(text: string, name: string, path: string, side: Side): Parameters | null {
  const place = `the service ${name} in ${path}`;
  let found: Map<string, string> | null = null;
  let isInside = false;
  for (const line of text.split(/\r?\n/).map((one) => one.trim())) {
    if (line === '' || line.startsWith('#')) continue;
    if (line.startsWith('[')) {
      isInside = line === `[${name}]` && found === null;
      if (isInside) found = new Map();
      continue;
    }
    if (!isInside) continue;
    const [, key, value] = /^([^=\s]+)\s*=\s*(.*)$/.exec(line) ?? [];
    if (key === undefined) throw settingError(side, `${place} has a line that is no \`key=value\``, 'correct it');
    if (key === 'service' || key === 'servicefile') throw settingError(side, `${place} names a service`, 'take it out');
    checkParameter(key, value!, place, side);
    found!.set(key, value!);
  }
  return found;
}
