/**
 * `split` at work: a change of a row becomes changes of its elements. Nothing is remembered between changes: which elements
 * there were is what the old row says, so that a restart at any place makes the same changes again.
 */
import { type Change, NOT_SENT, type Row, type Value } from '../contracts/row.ts';
import type { RowTransform, StepSource } from '../contracts/rules.ts';
import { type Column, keyColumns, type TableSchema } from '../contracts/schema.ts';
import { schemaId } from '../lib/schema-id.ts';
import { fail } from './fail.ts';
import { SEND_WHOLE_ROWS } from './row-image.ts';
import { elementType, type SplitNames, splitNames } from './steps/split.ts';
import { codecOf } from './values/cell.ts';
import { jsonElements, jsonType } from './values/json.ts';

type Compile = (steps: readonly StepSource[], table: TableSchema) => RowTransform;

/** The steps around the one at `cut`, which splits, and it. They have no problems. */
export function splitSteps(
  steps: readonly StepSource[],
  cut: number,
  table: TableSchema,
  compile: Compile,
): RowTransform {
  const first = compile(steps.slice(0, cut), table);
  const names = splitNames(steps[cut]!);
  const at = first.output.columns.findIndex(({ name }) => name === names.column);
  if (at < 0) return compile([...steps.slice(0, cut), ...steps.slice(cut + 1)], table);
  const split = new SplitTransform(first.output, at, names);
  const rest = compile(steps.slice(cut + 1), split.output);
  return {
    output: rest.output,
    apply: (change) => first.apply(change).flatMap((one) => split.apply(one).flatMap((element) => rest.apply(element))),
  };
}

class SplitTransform implements RowTransform {
  readonly output: TableSchema;
  readonly #at: number;
  readonly #column: Column;
  readonly #keyHead: string | null;

  constructor(table: TableSchema, at: number, { as, position }: SplitNames) {
    const { source, schema, table: name, columns } = table;
    this.#at = at;
    this.#column = columns[at]!;
    const keys = keyColumns(table);
    const last = keys.at(-1)?.keyOrdinal;
    this.#keyHead = last === undefined ? null : `,${JSON.stringify(position)}:`;
    const element: Column = { name: as, ...elementType(this.#column), nullable: true };
    const place: Column = {
      name: position,
      kind: 'int32',
      native: 'integer',
      nullable: false,
      ...(last !== undefined && { keyOrdinal: last + 1 }),
    };
    const others = columns.map(unfilled);
    const made = { source, schema, table: name, columns: others.toSpliced(at, 1, element, place) };
    this.output = { id: schemaId(made), ...made };
  }

  /** Throws `rule.failed` when the elements that there were, or are, are not known. */
  apply(change: Change): readonly Change[] {
    const { op, before, after } = change;
    if (before === null && after === null && op !== 'delete') return [{ ...change, table: this.output }];
    const isNew = op === 'insert' || op === 'snapshot';
    const older = isNew ? [] : this.#elements(before, null);
    const newer = op === 'delete' ? [] : this.#elements(after, before);
    const changes: Change[] = [];
    for (let i = 0; i < Math.max(older.length, newer.length); i++) {
      const old = i < older.length ? this.#row(before!, null, older[i]!, i) : null;
      const now = i < newer.length ? this.#row(after!, before, newer[i]!, i) : null;
      changes.push(this.#change(change, i, old, now));
    }
    return changes;
  }

  #change(change: Change, i: number, before: Row | null, after: Row | null): Change {
    const { version, timeUs, position, transaction } = change;
    const op =
      after === null ? 'delete' : before !== null ? 'update' : change.op === 'snapshot' ? 'snapshot' : 'insert';
    const key = this.#keyHead === null ? change.key : `${change.key.slice(0, -1)}${this.#keyHead}${i + 1}}`;
    // Invariant 9: of an element that is new nothing stands in the target.
    if (before === null && after?.columns.some((_, column) => after.get(column) === NOT_SENT))
      fail('an element is new, but not all columns of its row were sent by the source', SEND_WHOLE_ROWS);
    return { op, table: this.output, version, timeUs, key, before, after, position, transaction };
  }

  #elements(row: Row | null, older: Row | null): readonly Value[] {
    const now = row?.get(this.#at) ?? (row === null ? NOT_SENT : null);
    const value = now === NOT_SENT && older !== null ? older.get(this.#at) : now;
    // Invariant 9: not sent is not empty.
    if (value === NOT_SENT)
      return fail(
        `column "${this.#column.name}" was not sent by the source, so its elements are not known`,
        SEND_WHOLE_ROWS,
      );
    if (value === null) return [];
    if (this.#column.kind === 'array') return leaves(value as readonly Value[]);
    const text = typeof value === 'string' ? value : fail('a text is not valid UTF-8');
    const type = jsonType(text);
    if (type === 'null') return [];
    return type === 'array' ? [...jsonElements(text)] : [text];
  }

  #row(parent: Row, older: Row | null, element: Value, index: number): Row {
    return new ElementRow(this.output.columns, { parent, older, element, at: this.#at, place: index + 1 });
  }
}

/** Of all dimensions, as `unnest` gives them. */
function leaves(array: readonly Value[]): Value[] {
  return array.flatMap((item) => (Array.isArray(item) ? leaves(item as readonly Value[]) : [item]));
}

/** The memory of what updates leave out knows rows of the source by their keys, and an element has another. */
function unfilled(column: Column): Column {
  return column.unsent === undefined ? column : { ...column, unsent: { aboveBytes: -1, aboveRowBytes: -1 } };
}

interface Element {
  readonly parent: Row;
  /** The old row, for what was not sent because it did not change. */
  readonly older: Row | null;
  readonly element: Value;
  /** Column of the array. */
  readonly at: number;
  /** From 1. */
  readonly place: number;
}

class ElementRow implements Row {
  readonly columns: readonly Column[];
  readonly #of: Element;

  constructor(columns: readonly Column[], of: Element) {
    this.columns = columns;
    this.#of = of;
  }

  get(index: number): Value | typeof NOT_SENT {
    const { parent, older, element, at, place } = this.#of;
    if (index === at) return element;
    if (index === at + 1) return place;
    const column = index < at ? index : index - 1;
    const value = parent.get(column);
    return value === NOT_SENT && older !== null ? older.get(column) : value;
  }

  bytes(index: number): Uint8Array | undefined {
    const { parent, older, element, at, place } = this.#of;
    if (index === at + 1) return Buffer.from(String(place));
    const column = index < at ? index : index - 1;
    if (index !== at) return parent.bytes(column) ?? older?.bytes(column);
    if (element === null) return Buffer.from('null');
    const codec = codecOf(this.columns[at]!.kind);
    return Buffer.from(codec.json(codec.read(element)));
  }

  toObject(): Record<string, Value> {
    const values = this.columns.map(({ name }, i) => [name, this.get(i)] as const);
    return Object.fromEntries(values.filter((pair): pair is [string, Value] => pair[1] !== NOT_SENT));
  }
}
