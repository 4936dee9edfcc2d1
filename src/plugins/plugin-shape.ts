/** Holds what a plugin exports against what it must be. */
import type { Plugin, SinkManifest, SourceManifest, StepManifest } from '../contracts/plugin.ts';
import { quoted } from '../lib/printable.ts';

const TYPE = /^[a-z][a-z0-9_-]{0,62}$/;
const VERB = /^[a-z][a-z0-9_]{0,62}$/;

/** What is wrong, in words that name the field; null: nothing. */
export function pluginProblem(given: unknown): string | null {
  if (!isObject(given)) return 'its default export is no plugin: write export default definePlugin({ … })';
  const { source, sink, steps } = given as Partial<Plugin>;
  if (source === undefined && sink === undefined && (steps === undefined || steps.length === 0)) {
    return 'it has neither a source nor a sink nor steps';
  }
  if (steps !== undefined && !Array.isArray(steps)) return 'steps is no list';
  return (
    (source === undefined ? null : sourceProblem(source)) ??
    (sink === undefined ? null : sinkProblem(sink)) ??
    (steps ?? []).map((step, i) => stepProblem(step, i)).find((problem) => problem !== null) ??
    null
  );
}

function sourceProblem(source: SourceManifest): string | null {
  return (
    connectorProblem('source', source, ['check', 'describe', 'open', 'teardown']) ??
    opsProblem('source.emits', source.emits)
  );
}

function sinkProblem(sink: SinkManifest): string | null {
  const problem = connectorProblem('sink', sink, ['check', 'open']) ?? opsProblem('sink.accepts', sink.accepts);
  if (problem !== null) return problem;
  return ['last-value', 'append'].includes(sink.keeps) ? null : "sink.keeps is neither 'last-value' nor 'append'";
}

function connectorProblem(part: 'source' | 'sink', manifest: unknown, calls: readonly string[]): string | null {
  if (!isObject(manifest)) return `${part} is no manifest: write ${part}: define${capital(part)}({ … })`;
  const { type, config } = manifest;
  if (typeof type !== 'string' || !TYPE.test(type)) return `${part}.type must be a word of a-z, 0-9, _ and -`;
  const missing = calls.find((call) => typeof manifest[call] !== 'function');
  return (
    summaryProblem(part, manifest) ??
    configProblem(part, config) ??
    (missing ? `${part}.${missing} is no function` : null)
  );
}

function stepProblem(step: StepManifest, index: number): string | null {
  const part = `steps[${index}]`;
  if (!isObject(step)) return `${part} is no manifest: write defineStep({ … })`;
  const { verb, config, example, columns, compile } = step;
  if (typeof verb !== 'string' || !VERB.test(verb)) return `${part}.verb must be a word of a-z, 0-9 and _`;
  if (typeof example !== 'string' || !example.startsWith(`${verb}: `)) {
    return `${part}.example must show a use, beginning with ${quoted(`${verb}: `)}`;
  }
  if (typeof columns !== 'function') return `${part}.columns is no function`;
  if (typeof compile !== 'function') return `${part}.compile is no function`;
  return summaryProblem(part, step as unknown as Record<string, unknown>) ?? schemaProblem(part, config);
}

function summaryProblem(part: string, { summary }: Readonly<Record<string, unknown>>): string | null {
  return typeof summary === 'string' && summary !== '' ? null : `${part}.summary is missing`;
}

/** Keys are told apart from the common ones, and documented, by the schema's properties. */
function configProblem(part: string, config: unknown): string | null {
  const problem = schemaProblem(part, config);
  if (problem !== null) return problem;
  const { def } = config as {
    readonly def?: { readonly type?: unknown; readonly catchall?: { def?: { type?: unknown } } };
  };
  if (def?.type === 'object' && def.catchall?.def?.type === 'never') return null;
  return `${part}.config must be z.strictObject({ … })`;
}

function schemaProblem(part: string, config: unknown): string | null {
  const isSchema = isObject(config) && typeof config.safeParse === 'function';
  return isSchema ? null : `${part}.config is no schema: build it with z of tailrace/sdk`;
}

function opsProblem(field: string, ops: unknown): string | null {
  return Array.isArray(ops) && ops.length > 0 ? null : `${field} must list the operations`;
}

function isObject(given: unknown): given is Record<string, unknown> {
  return typeof given === 'object' && given !== null;
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
