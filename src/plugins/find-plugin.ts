/** From the name of a plugin to the file that is loaded. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { TailraceError } from '../contracts/errors.ts';
import { PLUGIN_API } from '../contracts/plugin.ts';
import { printable, quoted } from '../lib/printable.ts';

export interface FoundPlugin {
  /** Absolute path of the module. */
  readonly file: string;
  /** Directory of the package or of the module. */
  readonly dir: string;
}

/** Names beginning like this are paths. */
export const isPath = (name: string): boolean => /^(\.{0,2}\/|\.{1,2}$)/.test(name);

/** What a package.json says of a plugin. */
interface PackageFile {
  readonly tailrace?: { readonly api?: unknown };
  readonly exports?: unknown;
  readonly main?: unknown;
}

/**
 * Throws `plugin.not_found`, and `plugin.api` when its package.json says that it was written for another API: before any of its
 * code runs.
 * @param dir absolute, of the project
 */
export function findPlugin(name: string, dir: string): FoundPlugin {
  const found = isPath(name) ? localPlugin(name, dir) : packagePlugin(name, dir);
  const manifest = packageFile(found.dir);
  if (manifest?.tailrace?.api !== undefined) checkApi(name, manifest.tailrace.api);
  return found;
}

/** Throws `plugin.api`. */
export function checkApi(name: string, api: unknown): void {
  if (api === PLUGIN_API) return;
  const said = typeof api === 'number' ? `plugin API ${api}` : 'no version of the plugin API';
  const message = `plugin ${quoted(name)} is written for ${said}; this Tailrace has ${PLUGIN_API}`;
  const isNewer = typeof api === 'number' && api > PLUGIN_API;
  const remedy = isNewer
    ? 'upgrade Tailrace, or install an older version of the plugin'
    : 'install a newer version of it';
  throw new TailraceError('plugin.api', message, { remedy });
}

const ENTRIES = ['index.ts', 'index.js', 'index.mjs', 'src/index.ts'];

function localPlugin(name: string, dir: string): FoundPlugin {
  const path = resolve(dir, name);
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isFile()) return { file: path, dir: dirname(path) };
  if (found?.isDirectory()) {
    const entry = ENTRIES.map((file) => join(path, file)).find((file) => existsSync(file));
    if (entry !== undefined) return { file: entry, dir: path };
    const manifest = packageFile(path);
    if (manifest !== null) return { file: requireFrom(path, path, name), dir: path };
    throw notFound(
      `the directory ${printable(path)} holds no ${ENTRIES.join(', ')} and no package.json`,
      'name the file',
    );
  }
  throw notFound(`there is no file ${printable(path)}`, 'mend the path: it starts at the directory of tailrace.yaml');
}

function packagePlugin(name: string, dir: string): FoundPlugin {
  const at = packageDir(name, dir);
  if (at === null) {
    const remedy = `install it there (npm install ${printable(name)}); a file is named with a path: ./${printable(name)}`;
    throw notFound(`there is no package ${quoted(name)} in ${printable(dir)}`, remedy);
  }
  return { file: requireFrom(dir, name, name), dir: at };
}

/** Directory of an installed package, as Node.js looks for it; null: it is not there. */
export function packageDir(name: string, dir: string): string | null {
  for (let at = dir; ; at = dirname(at)) {
    const candidate = join(at, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return candidate;
    if (dirname(at) === at) return null;
  }
}

function requireFrom(dir: string, wanted: string, name: string): string {
  try {
    return createRequire(join(dir, 'package.json')).resolve(wanted);
  } catch {
    const message = `the package.json of ${quoted(name)} leads to no program`;
    throw notFound(
      message,
      'it needs "exports" with a "default" that exists; a package of TypeScript must be built first',
    );
  }
}

function packageFile(dir: string): PackageFile | null {
  try {
    return JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8')) as PackageFile;
  } catch {
    return null;
  }
}

function notFound(message: string, remedy: string): TailraceError {
  return new TailraceError('plugin.not_found', message, { remedy });
}
