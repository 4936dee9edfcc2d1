/** Loads what the acceptance kit is told of a plugin: the plugin itself and the driver beside it. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { PluginTest } from '../contracts/acceptance.ts';
import { TailraceError } from '../contracts/errors.ts';
import type { SinkManifest, SourceManifest, StepManifest } from '../contracts/plugin.ts';
import type { Registry } from '../contracts/registry.ts';
import { printable, quoted } from '../lib/printable.ts';
import { isPath, packageDir } from './find-plugin.ts';
import { loadPlugin } from './load-plugin.ts';
import { useOwnModules } from './own-modules.ts';

const require = createRequire(import.meta.url);
const DRIVERS = ['test/driver.ts', 'test/driver.js', 'driver.ts', 'driver.js'];

/** What is tested, and what its driver's module exports. */
export interface TestedPlugin {
  readonly parts: {
    readonly source?: SourceManifest;
    readonly sink?: SinkManifest;
    readonly steps?: readonly StepManifest[];
  };
  /** Of the plugin's module; null: it is built in. */
  readonly module: string | null;
  readonly driver: Readonly<Record<string, unknown>>;
}

/** Throws `plugin.not_found`, `plugin.failed`, and as `loadPlugin` does. */
export function loadTestedPlugin({ plugin: name, dir, driver }: PluginTest, registry: Registry): TestedPlugin {
  const builtIn = isPath(name) || packageDir(name, dir) !== null ? null : builtInParts(name, registry);
  if (builtIn !== null) {
    if (driver === null) throw noDriver(`${quoted(name)} is built in`);
    return { parts: builtIn, module: null, driver: loadDriver(driver) };
  }
  const { plugin, file, dir: own } = loadPlugin(name, dir);
  const found = driver ?? DRIVERS.map((path) => join(own, path)).find((path) => existsSync(path));
  if (found === undefined) throw noDriver(`plugin ${quoted(name)} has no ${DRIVERS.join(', ')} in ${printable(own)}`);
  return { parts: plugin, module: file, driver: loadDriver(found) };
}

function builtInParts(type: string, registry: Registry): TestedPlugin['parts'] | null {
  const [source, sink] = [registry.source(type), registry.sink(type)];
  if (source === undefined && sink === undefined) return null;
  return { ...(source !== undefined && { source }), ...(sink !== undefined && { sink }) };
}

function noDriver(message: string): TailraceError {
  const remedy = 'write one (docs/plugins.md, "The acceptance kit"), or name it with --driver';
  return new TailraceError('plugin.not_found', message, { remedy });
}

function loadDriver(file: string): Readonly<Record<string, unknown>> {
  if (!existsSync(file)) throw noDriver(`there is no file ${printable(file)}`);
  useOwnModules();
  try {
    return require(file) as Readonly<Record<string, unknown>>;
  } catch (error) {
    const options = { remedy: 'mend it there', cause: error, detail: String((error as Error)?.stack ?? error) };
    throw new TailraceError('plugin.failed', `the driver ${printable(file)} threw while it was loaded`, options);
  }
}
