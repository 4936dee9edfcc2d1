/** Connectors and rules, looked up by name. Built by main, used by config, pipeline and cli. */
import type { SinkManifest, SourceManifest } from './plugin.ts';
import type { Rules } from './rules.ts';

export interface Registry {
  readonly sourceTypes: readonly string[];
  readonly sinkTypes: readonly string[];
  source(type: string): SourceManifest | undefined;
  sink(type: string): SinkManifest | undefined;
  readonly rules: Rules;
}
