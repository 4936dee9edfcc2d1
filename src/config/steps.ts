/** `transform:` lists: their shape is checked here, what the steps say by the rules. */
import { resolve } from 'node:path';
import type { Problem, StepSource } from '../contracts/rules.ts';
import type { ReadContext } from './parts.ts';
import { type Path, type TreeNode, toValue } from './tree.ts';

const EXAMPLE = 'write steps as "- drop: [column]"';

/** Well-formed steps; problems go to the file. A transform that is not a list is reported by the schema. */
export function readSteps(context: ReadContext, path: Path, node: TreeNode | undefined): readonly StepSource[] {
  if (node?.kind !== 'list') return [];
  const { file, registry, maskKey } = context;
  const steps: StepSource[] = [];
  for (const [i, item] of node.items.entries()) {
    if (file.isFull) break;
    const at = [...path, i];
    const report = (message: string, fix: string, more: Partial<Problem> = {}) =>
      file.report({ level: 'error', code: 'step-shape', message, path: at, fix, ...more });
    const [first, second] = item.kind === 'map' ? item.entries : [];
    if (first === undefined) {
      report('a step is a map with one key', EXAMPLE);
    } else if (second !== undefined) {
      const fix = `begin ${second.key} with its own "- "`;
      report('a step has one key', fix, { path: [...at, second.key], onKey: true });
    } else if (!file.hasUnresolved(at)) {
      steps.push({ verb: first.key, config: argument(context, first.key, toValue(first.value)), path: at });
    }
  }
  for (const problem of registry.rules.lint(steps, { maskKey })) file.report(problem);
  return steps;
}

/** Paths start at the directory of the file. */
function argument({ registry, dir }: ReadContext, verb: string, value: unknown): unknown {
  const isPath = registry.rules.fileVerbs?.includes(verb) === true && typeof value === 'string' && value !== '';
  return isPath ? resolve(dir, value) : value;
}
