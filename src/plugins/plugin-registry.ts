/** The registry of connectors and rules, to which plugins are added. */
import { errorWords, TailraceError } from '../contracts/errors.ts';
import type { Plugin, SinkManifest, SourceManifest } from '../contracts/plugin.ts';
import type { LoadedPlugin, Registry } from '../contracts/registry.ts';
import type { Rules } from '../contracts/rules.ts';
import { quoted } from '../lib/printable.ts';
import { loadPlugin } from './load-plugin.ts';

export class PluginRegistry implements Registry {
  readonly rules: Rules;
  readonly #sources: Map<string, SourceManifest>;
  readonly #sinks: Map<string, SinkManifest>;
  /** Who brought a type or verb; absent: it is built in. */
  readonly #owners = new Map<string, string>();
  readonly #added = new Map<string, LoadedPlugin | TailraceError>();

  constructor(sources: Map<string, SourceManifest>, sinks: Map<string, SinkManifest>, rules: Rules) {
    this.#sources = sources;
    this.#sinks = sinks;
    this.rules = rules;
  }

  get sourceTypes(): readonly string[] {
    return [...this.#sources.keys()];
  }

  get sinkTypes(): readonly string[] {
    return [...this.#sinks.keys()];
  }

  source(type: string): SourceManifest | undefined {
    return this.#sources.get(type);
  }

  sink(type: string): SinkManifest | undefined {
    return this.#sinks.get(type);
  }

  addPlugin(name: string, dir: string): TailraceError | null {
    const id = idOf(name, dir);
    let result = this.#added.get(id);
    if (result === undefined) this.#added.set(id, (result = this.#load(name, dir)));
    return result instanceof TailraceError ? result : null;
  }

  loadedPlugin(name: string, dir: string): LoadedPlugin | null {
    const result = this.#added.get(idOf(name, dir));
    return result === undefined || result instanceof TailraceError ? null : result;
  }

  #load(name: string, dir: string): LoadedPlugin | TailraceError {
    try {
      const loaded = loadPlugin(name, dir);
      this.#add(name, loaded.plugin);
      return loaded;
    } catch (error) {
      return error instanceof TailraceError ? error : new TailraceError('plugin.failed', errorWords(error).message);
    }
  }

  /** All of it or nothing. */
  #add(name: string, { source, sink, steps = [] }: Plugin): void {
    if (source !== undefined && this.#sources.has(source.type)) throw this.#clash(name, 'source', source.type);
    if (sink !== undefined && this.#sinks.has(sink.type)) throw this.#clash(name, 'sink', sink.type);
    const verbs = new Set(this.rules.verbs);
    for (const { verb } of steps) {
      if (verbs.has(verb)) throw this.#clash(name, 'step', verb);
      verbs.add(verb);
    }
    for (const step of steps) {
      this.rules.add?.(step);
      this.#owners.set(`step ${step.verb}`, name);
    }
    if (source !== undefined) {
      this.#sources.set(source.type, source);
      this.#owners.set(`source ${source.type}`, name);
    }
    if (sink !== undefined) {
      this.#sinks.set(sink.type, sink);
      this.#owners.set(`sink ${sink.type}`, name);
    }
  }

  #clash(name: string, kind: 'source' | 'sink' | 'step', word: string): TailraceError {
    const owner = this.#owners.get(`${kind} ${word}`);
    const taken = owner === undefined ? 'which is built in' : `which plugin ${quoted(owner)} brings`;
    return new TailraceError('plugin.clash', `plugin ${quoted(name)} brings a ${kind} ${quoted(word)}, ${taken}`, {
      remedy: owner === name ? 'it brings it twice' : `take one of them out of plugins:, or rename it in the plugin`,
    });
  }
}

const idOf = (name: string, dir: string): string => JSON.stringify([name, dir]);
