/** Steps that plugins bring. */
import type { StepManifest } from '../../contracts/plugin.ts';
import type { StageColumn } from '../stage.ts';
import { addColumns } from './code-columns.ts';
import { codeOf } from './code-file.ts';
import type { Step, StepUse } from './step.ts';

export function pluginStep(manifest: StepManifest): Step {
  const { verb, summary, example } = manifest;
  return { verb, summary, example, apply: (use) => apply(use, manifest) };
}

function apply(use: StepUse, manifest: StepManifest): void {
  const { example } = manifest;
  const parsed = manifest.config.safeParse(use.config);
  if (!parsed.success) {
    for (const { path, message } of parsed.error.issues) {
      const at = path.map((part) => (typeof part === 'number' ? part : String(part)));
      use.problem('step-argument', message, { at, fix: `for example ${example}` });
    }
    return;
  }
  const code = codeOfStep(manifest, parsed.data);
  if (typeof code === 'string') {
    use.problem('step-plugin', code, { onKey: true, fix: 'this is a bug of the plugin' });
    return;
  }
  const reads = columnsRead(use, code.reads);
  if (reads !== null) addColumns(use, code, reads);
}

/** A plugin may throw anywhere; its text may hold anything (Invariant 12). */
function codeOfStep(manifest: StepManifest, config: unknown) {
  try {
    const reads = manifest.reads?.(config) ?? null;
    const code = codeOf(manifest.columns(config), manifest.compile(config));
    if (typeof code === 'string') return code;
    return code.columns.length === 0 ? 'the plugin names no column that it makes' : { ...code, reads };
  } catch (error) {
    return `the plugin threw ${error instanceof Error ? error.name : 'something'}`;
  }
}

/** Null: a column is not there, which is noted. */
function columnsRead(use: StepUse, names: readonly string[] | null): readonly StageColumn[] | null {
  if (names === null) return [...use.stage.columns];
  const columns = [...new Set(names)].map((name) => use.column(name, {}));
  return columns.every((column) => column !== undefined) ? columns : null;
}
