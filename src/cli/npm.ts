/** Packages through npm, with the project's own configuration of it. */
import { existsSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TailraceError } from '../contracts/errors.ts';
import { printable } from '../lib/printable.ts';
import { type ProgramEnd, runProgram } from './child-program.ts';
import type { Io } from './io.ts';

const TIMEOUT_MS = 600_000;
/** What a package does when it is installed is not run: only what `plugins:` names runs, and only after its API was looked at. */
const QUIET = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];

/** What the registry says of a package before anything of it is here. */
export interface PackageFacts {
  readonly name: string;
  readonly version: string;
  /** Who put this version there; null: not told. */
  readonly publisher: string | null;
  /** The registry holds a statement of where it was built. */
  readonly hasProvenance: boolean;
  /** As its package.json says; undefined: it is no plugin. */
  readonly api: unknown;
}

export class Npm {
  readonly #dir: string;
  readonly #env: Io['env'];

  /** @param dir absolute: where `package.json` and `node_modules` are, or will be */
  constructor(dir: string, env: Io['env']) {
    this.#dir = dir;
    this.#env = env;
  }

  /** @param spec name, or name@version. Throws `plugin.install`. */
  async view(spec: string): Promise<PackageFacts> {
    const fields = ['name', 'version', '_npmUser', 'tailrace', 'dist'];
    const end = await this.#run(['view', '--json', '--loglevel=error', '--', spec, ...fields]);
    if (end.code !== 0) throw failed(`npm knows no package ${printable(spec)}`, end, `npm view ${spec}`);
    const found: unknown = JSON.parse(end.output);
    // Of a range every version that is in it, the newest last.
    const facts = (Array.isArray(found) ? found.at(-1) : found) as Readonly<Record<string, unknown>>;
    const dist = facts.dist as { readonly attestations?: unknown } | undefined;
    return {
      name: String(facts.name),
      version: String(facts.version),
      publisher: typeof facts._npmUser === 'string' ? facts._npmUser.replace(/ <.*/, '') : null,
      hasProvenance: dist?.attestations !== undefined,
      api: (facts.tailrace as { readonly api?: unknown } | undefined)?.api,
    };
  }

  /** @param spec also the path of a tarball. Throws `plugin.install`; then `restore` is to be called. */
  async install(spec: string): Promise<void> {
    const end = await this.#run(['install', '--save', ...QUIET, '--prefix', this.#dir, '--', spec]);
    if (end.code !== 0) throw failed(`npm could not install ${printable(spec)}`, end, `npm install ${spec}`);
  }

  /** Throws `plugin.install`; then `restore` is to be called. */
  async uninstall(name: string): Promise<void> {
    const end = await this.#run(['uninstall', '--save', ...QUIET, '--prefix', this.#dir, '--', name]);
    if (end.code !== 0) throw failed(`npm could not remove ${printable(name)}`, end, `npm uninstall ${name}`);
  }

  /** Name → what package.json asks for. */
  dependencies(): Readonly<Record<string, string>> {
    const text = this.#text('package.json');
    return text === null ? {} : ((JSON.parse(text) as { dependencies?: Record<string, string> }).dependencies ?? {});
  }

  /** What `restore` goes back to. Throws `plugin.install` where it could not. */
  state(): NpmState {
    const [manifest, lock] = [this.#text('package.json'), this.#text('package-lock.json')];
    const hasModules = existsSync(join(this.#dir, 'node_modules'));
    if (manifest === null && hasModules) {
      // npm would remove what no package.json asks for.
      throw new TailraceError('plugin.install', 'there are packages in node_modules, and no package.json', {
        remedy: 'npm init --yes',
      });
    }
    return { manifest, lock, hasModules };
  }

  async restore({ manifest, lock, hasModules }: NpmState): Promise<void> {
    await this.#put('package.json', manifest);
    await this.#put('package-lock.json', lock);
    if (!hasModules) await rm(join(this.#dir, 'node_modules'), { recursive: true, force: true });
    else await this.#run(['install', ...QUIET, '--prefer-offline', '--prefix', this.#dir]);
  }

  #text(name: string): string | null {
    const path = join(this.#dir, name);
    return existsSync(path) ? readFileSync(path, 'utf8') : null;
  }

  async #put(name: string, text: string | null): Promise<void> {
    const path = join(this.#dir, name);
    if (text === null) await rm(path, { force: true });
    else await writeFile(path, text);
  }

  async #run(args: readonly string[]): Promise<ProgramEnd> {
    const end = await runProgram('npm', args, { cwd: this.#dir, env: this.#env, timeoutMs: TIMEOUT_MS });
    if (!end.isMissing) return end;
    throw new TailraceError('plugin.install', 'there is no npm on PATH', { remedy: 'it comes with Node.js' });
  }
}

export interface NpmState {
  readonly manifest: string | null;
  readonly lock: string | null;
  readonly hasModules: boolean;
}

/** What npm prints may hold addresses and names of the registry: the message has its code only (Invariant 12). */
function failed(message: string, { output }: ProgramEnd, command: string): TailraceError {
  const code = /npm error code (\w+)/.exec(output)?.[1] ?? /"code": "(\w+)"/.exec(output)?.[1];
  return new TailraceError('plugin.install', `${message}${code === undefined ? '' : ` (${code})`}`, {
    remedy: `look at what it says: ${printable(command)}`,
    detail: output,
  });
}
