/** `flatten`: fields of JSON as columns. */
import { quoted } from '../../lib/printable.ts';
import { isProblem, typeOfText } from '../expression/type-names.ts';
import { nameOf, TEXT } from '../expression/types.ts';
import { jsonReader } from '../formats/json.ts';
import type { StageColumn } from '../stage.ts';
import { columnMap } from './arguments.ts';
import { addParsed, type ParsedColumn } from './parsed-columns.ts';
import type { Step, StepUse } from './step.ts';

const EXAMPLE = 'flatten: { address: { street: text, zip: text } }';

export const flatten: Step = {
  verb: 'flatten',
  summary:
    'Puts fields of a JSON column into columns of their own, `address_street` of `address`, of these types, in its place; a list of names makes text. Fields that are absent, and those of JSON that is no object, are NULL. A table that lacks the column is not affected.',
  example: EXAMPLE,
  apply(use) {
    for (const [name, config] of columnMap(use, EXAMPLE)) {
      const column = use.column(name, { at: [name], onKey: true });
      const fields = fieldsOf(use, name, config);
      if (column === undefined || fields === null || !isAllowed(use, column)) continue;
      replace(use, column, fields);
    }
  },
};

function fieldsOf(use: StepUse, name: string, config: unknown): readonly ParsedColumn[] | null {
  if (
    Array.isArray(config) &&
    config.length > 0 &&
    config.every((field) => typeof field === 'string' && field !== '')
  ) {
    return (config as readonly string[]).map((field) => ({ name: field, type: TEXT }));
  }
  const entries = typeof config === 'object' && config !== null && !Array.isArray(config) ? Object.entries(config) : [];
  if (entries.length === 0) {
    use.problem('step-argument', 'a map of fields and their types must stand here', {
      at: [name],
      fix: `for example ${EXAMPLE}`,
    });
    return null;
  }
  const fields = entries.map(([field, type]) => {
    const known = typeof type === 'string' ? typeOfText(type) : null;
    if (known !== null && !isProblem(known)) return { name: field, type: known };
    const fix = known?.fix ?? 'for example text, integer, timestamptz';
    use.problem(known?.code ?? 'step-argument', known?.message ?? 'a type must stand here', { at: [name, field], fix });
    return null;
  });
  return fields.includes(null) ? null : (fields as readonly ParsedColumn[]);
}

function isAllowed(use: StepUse, { name, type, keyOrdinal }: StageColumn): boolean {
  if (keyOrdinal !== undefined) {
    use.problem('key-column', `rows are identified by ${quoted(name)}: it cannot be taken apart`, {
      at: [name],
      onKey: true,
    });
    return false;
  }
  if (['json', 'text', 'unresolved'].includes(type.kind)) return true;
  use.problem('type-mismatch', `column ${quoted(name)} is ${nameOf(type)}, not JSON`, { at: [name], onKey: true });
  return false;
}

function replace(use: StepUse, column: StageColumn, fields: readonly ParsedColumn[]): void {
  const { stage } = use;
  const columns = fields.map(({ name, type }) => ({ name: `${column.name}_${name}`, type }));
  for (const [i, { name }] of columns.entries()) {
    const isTwice = columns.findIndex((other) => other.name === name) < i;
    if (!isTwice && (stage.isOpen || stage.column(name) === undefined)) continue;
    const fix = isTwice ? 'remove one' : 'rename the column that there is, or drop it, before this step';
    const at = Array.isArray((use.config as Record<string, unknown>)[column.name]) ? [i] : [fields[i]!.name];
    use.problem('duplicate-column', `there would be two columns ${quoted(name)}`, { at: [column.name, ...at], fix });
    return;
  }
  const read = jsonReader(
    fields.map(({ name }) => name),
    fields.map(({ type }) => type.kind === 'json'),
  );
  // What is no object has no fields.
  const made = addParsed(use, column, columns, [read, () => fields.map(() => null)], false);
  const place = stage.columns.indexOf(column);
  stage.columns.splice(place, 1, ...made);
  stage.forget(column.name, 'was taken apart by an earlier step');
}
