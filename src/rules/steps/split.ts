/** `split`: the elements of an array as rows of their own. What runs is split-transform.ts. */
import type { StepSource } from '../../contracts/rules.ts';
import { didYouMean } from '../../lib/did-you-mean.ts';
import { quoted } from '../../lib/printable.ts';
import { type ColumnType, columnTypeOf, nameOf, typeOf, UNRESOLVED } from '../expression/types.ts';
import type { StageColumn } from '../stage.ts';
import { columnMap } from './arguments.ts';
import { judgeBeforeLog, type Step, type StepUse } from './step.ts';

const EXAMPLE = 'split: { items: { as: item, position: line } }';
const KEYS: readonly string[] = ['as', 'position'];
const ONLY_BEFORE_THE_LOG =
  'split works before the log only: behind it the log may keep the last change of a row alone';

export interface SplitNames {
  readonly column: string;
  /** Column of the element. */
  readonly as: string;
  /** Column of the element's place, from 1. */
  readonly position: string;
}

export const split: Step = {
  verb: 'split',
  summary:
    'Makes a row of each element of an array, or of a JSON array, with the other columns and the place of the element, from 1, which becomes the last column of the key. An update writes the elements that there are and deletes those that there are no longer, a delete deletes all: the source must send whole old rows (PostgreSQL: `REPLICA IDENTITY FULL`). NULL, JSON null and an empty array make no row, JSON that is no array makes one. Only under the source, above `filter`. `tailrace verify` leaves the table out, and single rows of it cannot be read again, only all. A table that lacks the column is not affected.',
  example: EXAMPLE,
  apply(use) {
    const names = namesOf(use);
    judgePlace(use);
    if (names === null) return;
    const column = use.column(names.column, { at: [names.column], onKey: true });
    if (column === undefined || !isAllowed(use, column) || hasClash(use, names)) return;
    judgeOldRows(use, column);
    replace(use, column, names);
  },
};

/** What a step that has no problem says. */
export function splitNames({ config }: Pick<StepSource, 'config'>): SplitNames {
  const [column, given] = Object.entries(
    config as Readonly<Record<string, { as?: string; position?: string } | null>>,
  )[0]!;
  return { column, as: given?.as ?? column, position: given?.position ?? 'position' };
}

function namesOf(use: StepUse): SplitNames | null {
  const entries = columnMap(use, EXAMPLE);
  if (entries.length === 0) return null;
  const [column, given] = entries[0]!;
  const error = (message: string, at: readonly string[], onKey: boolean, fix = `for example ${EXAMPLE}`) => {
    use.problem('step-argument', message, { at, onKey, fix });
    return null;
  };
  if (entries.length > 1)
    return error('one column must stand here', [entries[1]![0]], true, 'make it a step of its own');
  if (given !== null && (typeof given !== 'object' || Array.isArray(given)))
    return error('names of columns must stand here', [column], false);
  for (const [key, name] of Object.entries(given ?? {})) {
    if (!KEYS.includes(key)) {
      const fix = didYouMean(key, KEYS) ?? `there are ${KEYS.join(', ')}`;
      use.problem('unknown-key', `"split" has no ${quoted(key)}`, { at: [column, key], onKey: true, fix });
      return null;
    }
    if (typeof name !== 'string' || name === '')
      return error('the name of a column must stand here', [column, key], false);
  }
  return splitNames(use);
}

function judgePlace(use: StepUse): void {
  judgeBeforeLog(use, ONLY_BEFORE_THE_LOG);
  // The delete that a filter makes of a row says nothing but its key: the elements would stay.
  if (use.stage.instructions.some((step) => step.kind === 'filter'))
    use.problem('step-place', 'a filter stands above: what it deletes has no elements to delete', {
      onKey: true,
      fix: 'put the filter below: it sees every column but the array',
    });
}

function isAllowed(use: StepUse, { name, type, keyOrdinal }: StageColumn): boolean {
  const place = { at: [name], onKey: true };
  if (keyOrdinal !== undefined) {
    use.problem('key-column', `rows are identified by ${quoted(name)}: it cannot be taken apart`, place);
    return false;
  }
  const isKnown = type.kind === 'json' || type.kind === 'unresolved' || (type.kind === 'array' && type.element);
  if (!isKnown)
    use.problem('type-mismatch', `column ${quoted(name)} is ${nameOf(type)}, neither an array nor JSON`, {
      ...place,
      fix: type.kind === 'text' ? `cast it before: cast: { ${name}: json }` : undefined,
    });
  return Boolean(isKnown);
}

/** Filling in (`toast: store`) is no help: it gives the new row what an update left out, not the old one. */
function judgeOldRows(use: StepUse, column: StageColumn): void {
  if (!use.stage.isUnsent(column)) return;
  const name = quoted(column.name);
  use.problem('unsent-column', `changes may come without column ${name}: which elements there were is not known`, {
    at: [column.name],
    onKey: true,
    fix: 'let the source send whole old rows (PostgreSQL: alter table … replica identity full)',
  });
}

function hasClash(use: StepUse, { column, as, position }: SplitNames): boolean {
  const { stage } = use;
  const clash =
    as === position
      ? as
      : [as, position].find((name) => !stage.isOpen && name !== column && stage.column(name) !== undefined);
  if (clash === undefined) return false;
  const fix = 'name them with as: and position:';
  use.problem('duplicate-column', `there would be two columns ${quoted(clash)}`, { at: [column], onKey: true, fix });
  return true;
}

/** What an element is to rows. */
export function elementType({ kind, native, element }: Pick<ColumnType, 'kind' | 'native' | 'element'>): ColumnType {
  return kind === 'array' ? { kind: element!, native: native.replace(/\[\]$/, '') } : { kind, native };
}

function replace(use: StepUse, column: StageColumn, { as, position }: SplitNames): void {
  const { stage } = use;
  const ordinals = stage.columns.flatMap(({ keyOrdinal }) => keyOrdinal ?? []);
  const keyOrdinal = ordinals.length === 0 ? undefined : Math.max(...ordinals) + 1;
  // For what later steps are held against; rows that run through them are those of split-transform.ts.
  const part = { label: use.label(), inputs: column.inputs, ofRowOnly: column.ofRowOnly, run: () => undefined };
  const is = column.is === null ? columnTypeOf(UNRESOLVED) : elementType(column.is);
  const element = stage.computed({ name: as, nullable: true, keyOrdinal: undefined }, is, part);
  const place = stage.computed({ name: position, nullable: false, keyOrdinal }, columnTypeOf(typeOf('int32')), {
    ...part,
    inputs: [],
  });
  const known = column.is === null ? { ...element, is: null, type: UNRESOLVED } : element;
  stage.columns.splice(stage.columns.indexOf(column), 1, known, place);
  stage.forget(column.name, 'was taken apart by an earlier step');
}
