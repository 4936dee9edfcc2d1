/** Connectors and rules, looked up by name. Built by main, used by config, pipeline and cli. */
import type { TailraceError } from './errors.ts';
import type { Plugin, SinkManifest, SourceManifest } from './plugin.ts';
import type { Rules } from './rules.ts';

export interface LoadedPlugin {
  readonly plugin: Plugin;
  /** Absolute path of the module. */
  readonly file: string;
  /** Directory of the package or of the module. */
  readonly dir: string;
}

export interface Registry {
  readonly sourceTypes: readonly string[];
  readonly sinkTypes: readonly string[];
  source(type: string): SourceManifest | undefined;
  sink(type: string): SinkManifest | undefined;
  readonly rules: Rules;
  /**
   * Loads the plugin of such a name in `plugins:`, once; its types and verbs are known from then on, until the process ends. Gives
   * why it cannot be used: `plugin.not_found`, `plugin.api`, `plugin.invalid`, `plugin.clash`, `plugin.failed`. Absent: plugins
   * are not taken.
   * @param name of an npm package, or a path that begins with `./`, `../` or `/`
   * @param dir absolute, of the project
   */
  addPlugin?(name: string, dir: string): TailraceError | null;
  /** The plugin of such a name, once it was added; null: it could not be, or was not. */
  loadedPlugin?(name: string, dir: string): LoadedPlugin | null;
}
