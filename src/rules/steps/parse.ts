/** `parse`: columns out of a text. */
import { didYouMean } from '../../lib/did-you-mean.ts';
import { quoted } from '../../lib/printable.ts';
import { isProblem, typeOfText } from '../expression/type-names.ts';
import { nameOf, TEXT } from '../expression/types.ts';
import type { Reader } from '../formats/format.ts';
import type { StageColumn } from '../stage.ts';
import { FORMATS, fixedFields, isFormat, readerOf } from './parse-formats.ts';
import { addParsed, type ParsedColumn } from './parsed-columns.ts';
import type { Step, StepUse } from './step.ts';

const EXAMPLE = 'parse: { from: line, as: json, columns: { path: text, status: int } }';
const KEYS = ['from', 'as', 'columns', 'separator', 'pattern', 'on_error'];

export const parse: Step = {
  verb: 'parse',
  summary: `Adds the fields of a text as columns. \`as\`: ${FORMATS.join(', ')}, or a list that is tried in order. \`columns\`: their names and types; \`nginx\` and \`syslog\` have their own. \`csv\` and \`regex\` (\`pattern\`, its groups) take them in order. \`separator\` of csv: \`,\`. \`on_error: keep\`: a text of another form gives NULLs and no dead letter. Numbers in JSON keep all their digits.`,
  example: EXAMPLE,
  apply(use) {
    const config = configOf(use);
    if (config === null) return;
    const from = sourceOf(use, config);
    const formats = formatsOf(use, config);
    const columns = formats === null ? null : columnsOf(use, config, formats);
    if (from === null || formats === null || columns === null) return;
    const readers = formats.map((format) => readerOf(use, format, config, columns));
    if (readers.includes(null)) return;
    use.stage.columns.push(...addParsed(use, from, columns, readers as Reader[], config.on_error === 'keep'));
  },
};

export type ParseConfig = Readonly<Record<string, unknown>>;

function configOf(use: StepUse): ParseConfig | null {
  const { config } = use;
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    use.problem('step-argument', 'a map must stand here', { fix: `for example ${EXAMPLE}` });
    return null;
  }
  for (const key of Object.keys(config)) {
    if (KEYS.includes(key)) continue;
    const fix = didYouMean(key, KEYS) ?? `there are ${KEYS.join(', ')}`;
    use.problem('unknown-key', `"parse" has no ${quoted(key)}`, { at: [key], onKey: true, fix });
  }
  const { on_error: onError = 'fail' } = config as ParseConfig;
  if (onError !== 'fail' && onError !== 'keep') {
    use.problem('step-argument', '"fail" or "keep" must stand here', { at: ['on_error'] });
  }
  return config as ParseConfig;
}

function sourceOf(use: StepUse, { from }: ParseConfig): StageColumn | null {
  if (typeof from !== 'string' || from === '') {
    const at = from === undefined ? [] : ['from'];
    use.problem('step-argument', '"from" must name the column to take apart', { at, fix: `for example ${EXAMPLE}` });
    return null;
  }
  const column = use.column(from, { at: ['from'] });
  if (column === undefined) return null;
  if (['text', 'json', 'unresolved'].includes(column.type.kind)) return column;
  use.problem('type-mismatch', `column ${quoted(from)} is ${nameOf(column.type)}, not text`, { at: ['from'] });
  return null;
}

function formatsOf(use: StepUse, { as }: ParseConfig): readonly string[] | null {
  const list = Array.isArray(as) ? (as as readonly unknown[]) : [as];
  for (const [i, format] of list.entries()) {
    if (typeof format === 'string' && isFormat(format)) continue;
    const near = typeof format === 'string' ? didYouMean(format, FORMATS) : undefined;
    const at = as === undefined ? [] : Array.isArray(as) ? ['as', i] : ['as'];
    use.problem('step-argument', '"as" must say how the text is read', {
      at,
      fix: near ?? `there are ${FORMATS.join(', ')}`,
    });
    return null;
  }
  return list.length === 0 ? null : (list as readonly string[]);
}

/** Those of the formats first, then those asked for. */
function columnsOf(use: StepUse, { columns }: ParseConfig, formats: readonly string[]): readonly ParsedColumn[] | null {
  const asked = columns === undefined ? [] : askedColumns(use, columns);
  if (asked === null) return null;
  const fixed = formats
    .flatMap((format) => fixedFields(format))
    .filter(({ name }) => !asked.some((one) => one.name === name));
  const all = [...new Map([...fixed, ...asked].map((column) => [column.name, column])).values()];
  if (all.length === 0) {
    use.problem('step-argument', '"columns" must name the fields and their types', { fix: `for example ${EXAMPLE}` });
    return null;
  }
  for (const { name } of all) {
    if (use.stage.isOpen || use.stage.column(name) === undefined) continue;
    const at = Object.hasOwn((columns as object) ?? {}, name) ? ['columns', name] : [];
    const fix = 'rename the column that there is, or drop it, before this step';
    use.problem('duplicate-column', `there would be two columns ${quoted(name)}`, { at, fix });
  }
  return all;
}

/** A map of names and types, or a list of names of texts. */
function askedColumns(use: StepUse, columns: unknown): readonly ParsedColumn[] | null {
  if (Array.isArray(columns) && columns.every((name) => typeof name === 'string' && name !== '')) {
    const names = columns as readonly string[];
    const twice = names.findIndex((name, i) => names.indexOf(name) < i);
    if (twice < 0) return names.map((name) => ({ name, type: TEXT }));
    const message = `column ${quoted(names[twice]!)} is named twice`;
    use.problem('duplicate-column', message, { at: ['columns', twice], fix: 'remove one' });
    return null;
  }
  if (typeof columns !== 'object' || columns === null || Array.isArray(columns)) {
    const fix = 'for example columns: { path: text, status: int }';
    use.problem('step-argument', 'a map of columns and their types must stand here', { at: ['columns'], fix });
    return null;
  }
  const found = Object.entries(columns as Record<string, unknown>).map(([name, type]) => {
    const known = typeof type === 'string' ? typeOfText(type) : null;
    if (known !== null && !isProblem(known)) return { name, type: known };
    const fix = known?.fix ?? 'for example text, integer, timestamptz';
    use.problem(known?.code ?? 'step-argument', known?.message ?? 'a type must stand here', {
      at: ['columns', name],
      fix,
    });
    return null;
  });
  return found.includes(null) ? null : (found as readonly ParsedColumn[]);
}
