/**
 * Tries a plugin that was just written: its types are checked, its tests run but for those that take seconds, with what is
 * installed and without network.
 */
import { existsSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { PluginAuthoring } from '../contracts/plugin-authoring.ts';
import { runProgram } from './child-program.ts';
import type { Io } from './io.ts';

const TIMEOUT_MS = 180_000;

export interface Proof {
  /** What was tried and holds, e.g. `types checked`. */
  readonly done: readonly string[];
  /** What could not be tried, and why. */
  readonly open: readonly string[];
  /** What a failed try printed; null: nothing failed. */
  readonly failure: string | null;
}

/** @param dir absolute, of the package */
export async function provePlugin(dir: string, authoring: PluginAuthoring, env: Io['env']): Promise<Proof> {
  const types = await checkTypes(dir, authoring, env);
  if (types.failure !== null) return types;
  const tests = await runTests(dir, authoring, env);
  return {
    done: [...types.done, ...tests.done],
    open: [...types.open, ...tests.open],
    failure: tests.failure,
  };
}

async function checkTypes(dir: string, { types }: PluginAuthoring, env: Io['env']): Promise<Proof> {
  const compiler = typeScript(dir);
  const nodeTypes = packageDirFrom(dir, '@types/node') ?? packageDirFrom(import.meta.dirname, '@types/node');
  if (compiler === null || nodeTypes === null) {
    const missing = compiler === null ? 'typescript' : '@types/node';
    return { done: [], open: [`its types: ${missing} is not installed in this project`], failure: null };
  }
  const config = join(dir, 'tsconfig.proof.json');
  const paths = Object.fromEntries(Object.entries(types).map(([name, file]) => [name, [file]]));
  const compilerOptions = { noEmit: true, rootDir: '/', typeRoots: [dirname(nodeTypes)], paths };
  await writeFile(config, JSON.stringify({ extends: './tsconfig.json', compilerOptions, include: ['src', 'test'] }));
  try {
    const { code, output } = await node(dir, [compiler, '-p', config], env);
    return { done: code === 0 ? ['types checked'] : [], open: [], failure: code === 0 ? null : output };
  } finally {
    await rm(config, { force: true });
  }
}

async function runTests(dir: string, { preload }: PluginAuthoring, env: Io['env']): Promise<Proof> {
  const words = ['--import', preload, '--test', '--test-reporter=tap', join('test', '*.test.ts')];
  const { code, output } = await node(dir, words, env);
  const passed = Number(/^# pass (\d+)/m.exec(output)?.[1] ?? 0);
  if (code === 0 && passed > 0) return { done: [`${passed} tests passed`], open: [], failure: null };
  return { done: [], open: [], failure: output };
}

function node(dir: string, args: readonly string[], env: Io['env']) {
  // Under a test runner of Node.js a nested one would only report to it.
  const { NODE_TEST_CONTEXT: _, ...own } = env;
  return runProgram(process.execPath, args, {
    cwd: dir,
    env: { TAILRACE_KIT: 'short', ...own, NO_COLOR: '1' },
    timeoutMs: TIMEOUT_MS,
  });
}

/** The compiler of the project that the directory is in, else one beside this product; null: there is none. */
function typeScript(dir: string): string | null {
  const found = packageDirFrom(dir, 'typescript') ?? packageDirFrom(import.meta.dirname, 'typescript');
  if (found === null) return null;
  const { bin } = JSON.parse(readFileSync(join(found, 'package.json'), 'utf8')) as { bin?: Record<string, string> };
  return bin?.tsc === undefined ? null : join(found, bin.tsc);
}

/** As Node.js looks for packages. */
function packageDirFrom(dir: string, name: string): string | null {
  const places = createRequire(join(dir, 'package.json')).resolve.paths(name) ?? [];
  const found = places.map((place) => join(place, name)).find((path) => existsSync(join(path, 'package.json')));
  return found ?? null;
}
