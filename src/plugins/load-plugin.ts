/** Loads the module of a plugin: the one place where code that is not the product's gets to run. */
import { createRequire } from 'node:module';
import { TailraceError } from '../contracts/errors.ts';
import type { Plugin } from '../contracts/plugin.ts';
import type { LoadedPlugin } from '../contracts/registry.ts';
import { printable, quoted } from '../lib/printable.ts';
import { checkApi, findPlugin } from './find-plugin.ts';
import { useOwnModules } from './own-modules.ts';
import { pluginProblem } from './plugin-shape.ts';

const require = createRequire(import.meta.url);

/**
 * Throws `plugin.not_found`, `plugin.api`, `plugin.invalid`, `plugin.failed`.
 * @param dir absolute, of the project
 */
export function loadPlugin(name: string, dir: string): LoadedPlugin {
  const { file, dir: own } = findPlugin(name, dir);
  useOwnModules();
  const module = moduleOf(name, file);
  const { default: plugin } = module;
  const problem = pluginProblem(plugin);
  const api = typeof plugin === 'object' && plugin !== null ? (plugin as { api?: unknown }).api : undefined;
  // What another API asks for is not judged by this one's rules.
  if (api !== undefined) checkApi(name, api);
  if (problem !== null) {
    throw new TailraceError('plugin.invalid', `plugin ${quoted(name)}: ${problem}`, {
      remedy: 'docs/plugins.md shows what a plugin exports',
    });
  }
  checkApi(name, api);
  return { plugin: plugin as Plugin, file, dir: own };
}

function moduleOf(name: string, file: string): Record<string, unknown> {
  try {
    return require(file) as Record<string, unknown>;
  } catch (error) {
    throw failed(name, file, error as NodeJS.ErrnoException);
  }
}

const TYPESCRIPT =
  'Node.js runs TypeScript that only has to be stripped of its types: no enum, no namespace, no parameter property';

function failed(name: string, file: string, error: NodeJS.ErrnoException): TailraceError {
  const { code } = error;
  const options = (remedy: string) => ({ remedy, cause: error, detail: String(error.stack ?? error) });
  if (code === 'ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING') {
    const remedy = 'packages ship JavaScript: build it (npm run build) and let "exports" name the result';
    return new TailraceError('plugin.failed', `plugin ${quoted(name)} is TypeScript in node_modules`, options(remedy));
  }
  if (code === 'ERR_REQUIRE_ASYNC_MODULE') {
    const message = `plugin ${quoted(name)} awaits at the top level of a module`;
    return new TailraceError('plugin.failed', message, options('move the await into check or open'));
  }
  if (code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND') {
    const message = `plugin ${quoted(name)}: something that it imports is not there`;
    return new TailraceError('plugin.failed', message, options(`install what ${printable(file)} imports`));
  }
  const place = placeIn(error, file);
  const isSyntax = error instanceof SyntaxError || error.name === 'SyntaxError';
  const what = isSyntax ? 'cannot be read' : `threw ${error?.name ?? 'something'} while it was loaded`;
  const remedy = isSyntax && file.endsWith('.ts') ? TYPESCRIPT : 'mend it there, or take it out of plugins:';
  return new TailraceError('plugin.failed', `plugin ${quoted(name)} ${what}${place}`, options(remedy));
}

/** Line of the plugin's file, without the error's text, which may hold anything (Invariant 12). */
function placeIn(error: Error, file: string): string {
  const stack = typeof error?.stack === 'string' ? error.stack : '';
  const at = stack.indexOf(file);
  const line = at < 0 ? undefined : /^:(\d+)/.exec(stack.slice(at + file.length))?.[1];
  return line === undefined ? ` (${printable(file)})` : ` (${printable(file)}:${line})`;
}
