/** The files of a running instance: read at its start, and again whenever somebody asks. */
import { statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Project } from '../config/index.ts';
import type { App, StartOptions } from '../contracts/app.ts';
import type { Io } from './io.ts';

export class LiveProject implements StartOptions {
  readonly #paths: readonly string[];
  readonly #io: Io;
  readonly #registry: App['registry'];
  /** Of every reading: a secret that was there once is not shown later either (Invariant 12). */
  readonly #redacts: Project['redact'][] = [];

  constructor(paths: readonly string[], io: Io, registry: App['registry']) {
    this.#paths = paths;
    this.#io = io;
    this.#registry = registry;
  }

  readonly load = async (): Promise<Project> => {
    const { loadProject } = await import('../config/index.ts');
    const { cwd, env } = this.#io;
    const project = await loadProject({ paths: this.#paths, cwd, env, registry: this.#registry });
    this.#redacts.push(project.redact);
    if (this.#redacts.length > MAX_REDACTS) this.#redacts.splice(1, 1);
    return project;
  };

  readonly redact = (text: string): string => this.#redacts.reduce((shown, redact) => redact(shown), text);

  /** Where its files lie, or may come to lie. */
  directories({ pipelines }: Project): string[] {
    const { cwd } = this.#io;
    const named = (this.#paths.length === 0 ? ['.'] : this.#paths).map((path) => resolve(cwd, path));
    return [...named.map(directoryOf), ...pipelines.map(({ file }) => dirname(file))];
  }
}

/** The first reading, and the last ones. */
const MAX_REDACTS = 20;

function directoryOf(path: string): string {
  return statSync(path).isDirectory() ? path : dirname(path);
}
