/** The forms in which steps take their arguments: a list of columns, or a map from columns. */
import { quoted } from '../../lib/printable.ts';
import type { StepUse } from './step.ts';

export interface NamedColumn {
  readonly name: string;
  readonly at: readonly [number];
}

/** `[a, b]`: names, each once. Reports everything else. */
export function columnList(use: StepUse, example: string): readonly NamedColumn[] {
  const { config } = use;
  if (!Array.isArray(config) || config.length === 0) {
    const fix = typeof config === 'string' ? `write [${config}]` : `for example ${example}`;
    use.problem('step-argument', 'a list of columns must stand here', { fix });
    return [];
  }
  const names = new Set<string>();
  return (config as readonly unknown[]).flatMap((item, i) => {
    const name = columnName(item);
    if (name === null) use.problem('step-argument', 'the name of a column must stand here', { at: [i] });
    else if (names.has(name)) use.problem('duplicate-column', `column ${quoted(name)} is named twice`, { at: [i] });
    else {
      names.add(name);
      return [{ name, at: [i] as const }];
    }
    return [];
  });
}

/** YAML reads a column called `1` or `true` as something else than text. */
function columnName(item: unknown): string | null {
  if (typeof item === 'string' && item !== '') return item;
  return typeof item === 'number' || typeof item === 'boolean' ? String(item) : null;
}

/** `{ a: …, b: … }`, at least one. Reports everything else. */
export function columnMap(use: StepUse, example: string): readonly (readonly [name: string, value: unknown])[] {
  const { config } = use;
  if (typeof config === 'object' && config !== null && !Array.isArray(config)) {
    const entries = Object.entries(config);
    if (entries.length > 0) return entries;
  }
  use.problem('step-argument', 'a map from columns must stand here', { fix: `for example ${example}` });
  return [];
}

/** `orders`, `public.orders` or a list of them. Reports everything else. */
export function tableNames(use: StepUse, given: unknown, at: readonly (string | number)[]): readonly string[] {
  const names: readonly unknown[] = Array.isArray(given) ? given : [given];
  const isFit = names.length > 0 && names.every((name) => typeof name === 'string' && name !== '');
  if (isFit) return names as readonly string[];
  use.problem('step-argument', 'names of tables must stand here', { at, fix: 'for example public.orders' });
  return [];
}

/** @param table `schema.table`; null: not known */
export function isNamed(names: readonly string[] | null, table: string | null): boolean {
  if (names === null || table === null) return true;
  return names.some((name) => name === table || name === table.slice(table.indexOf('.') + 1));
}
