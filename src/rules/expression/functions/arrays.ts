/** Functions of arrays. */
import type { Value } from '../../../contracts/row.ts';
import { fail } from '../../fail.ts';
import type { Cell, Present } from '../../values/cell.ts';
import { arrayOperand, elementReader } from '../arrays.ts';
import type { NodeOf } from '../ast.ts';
import type { Binder } from '../binder.ts';
import { type Bound, isUnresolved, strictN, unresolved } from '../bound.ts';
import { demand } from '../coerce.ts';
import { comparable } from '../comparison.ts';
import type { FunctionEntry } from '../functions.ts';
import { toOutputText } from '../text-form.ts';
import { arrayOf, nameOf, TEXT, type Type, typeOf } from '../types.ts';

const INTEGER = typeOf('int32');
const TEXTS = arrayOf(TEXT);

type Items = readonly Value[];

/** @param rest types of the arguments behind the array */
function ofArray(
  name: string,
  usage: readonly string[],
  summary: string,
  rest: readonly (readonly Type[])[],
  result: Type,
  make: (binder: Binder, element: Type, array: Bound) => ((...values: Present[]) => Cell) | null,
): FunctionEntry {
  const counts = rest.map((types) => types.length + 1);
  const bind = (binder: Binder, node: NodeOf<'call'>, args: readonly Bound[]): Bound => {
    const operand = arrayOperand(binder, args[0]!, name);
    const types = rest.find(({ length }) => length === args.length - 1)!;
    const others = types.map((type, i) => demand(binder, args[i + 1]!, type, name));
    const apply = operand === null ? null : make(binder, operand.element, operand.array);
    if (operand === null || apply === null || others.some(isUnresolved)) return { ...unresolved(node), type: result };
    const values = [operand.array, ...others.slice(0, 1)];
    const last = others[1];
    if (last === undefined) {
      return { ...binder.strict(node, result, values, strictN(values, apply)), nullable: true };
    }
    // What stands for NULL may be NULL itself.
    const run: Bound['run'] = (row) => {
      const instead = last.run(row);
      if (instead === undefined) return undefined;
      return strictN(values, (...cells) => apply(...cells, ...(instead === null ? [] : [instead])))(row);
    };
    return { ...binder.made(node, result, [...values, last], run), nullable: true };
  };
  return { name, usage, summary, minArgs: Math.min(...counts), maxArgs: Math.max(...counts), bind };
}

/** Of the dimension, from 1; null when the array has none of that number. */
function lengthOf(items: Items, dimension: number): number | null {
  if (dimension < 1 || items.length === 0) return null;
  if (dimension === 1) return items.length;
  return Array.isArray(items[0]) ? lengthOf(items[0] as Items, dimension - 1) : null;
}

const flat = (items: Items) => items.flat(Number.POSITIVE_INFINITY as 1) as Value[];

function joined(binder: Binder, element: Type, array: Bound): ((...values: Present[]) => Cell) | null {
  const write = toOutputText(element);
  if (write === null) {
    binder.problem(array.place, 'type-mismatch', `${nameOf(element)} cannot be written as text`);
    return null;
  }
  const read = elementReader(element);
  return (items, separator, instead) =>
    flat(items as Items)
      .map((item) => (item === null ? ((instead as string | undefined) ?? null) : write(read(item) as Present)))
      .filter((text) => text !== null)
      .join(separator as string);
}

function bindPosition(binder: Binder, node: NodeOf<'call'>, args: readonly Bound[]): Bound {
  const operand = arrayOperand(binder, args[0]!, 'array_position');
  if (operand === null) return { ...unresolved(node), type: INTEGER };
  const wanted = demand(binder, args[1]!, operand.element, 'array_position');
  const pair = comparable(binder, wanted, wanted, node);
  if (pair === null) return { ...unresolved(node), type: INTEGER };
  const compare = pair.compare as (x: Present, y: Present) => number;
  const read = elementReader(operand.element);
  const find = (items: Items, is: Cell): number | null => {
    if (items.some((item) => Array.isArray(item))) return fail('only arrays of one dimension are searched');
    const at = items.findIndex((item) =>
      item === null || is === null ? item === is : compare(read(item) as Present, is as Present) === 0,
    );
    return at < 0 ? null : at + 1;
  };
  const run: Bound['run'] = (row) => {
    const items = operand.array.run(row);
    const is = wanted.run(row);
    if (items === null || items === undefined) return items;
    return is === undefined ? undefined : find(items as Items, is);
  };
  return binder.made(node, INTEGER, [operand.array, wanted], run);
}

/** Without a delimiter every character is a part. */
function toArray(text: string, delimiter: string | null, isNull: Cell): (string | null)[] {
  if (text === '') return [];
  const parts = delimiter === null ? [...text] : delimiter === '' ? [text] : text.split(delimiter);
  return parts.map((part) => (part === isNull ? null : part));
}

function bindSplit(binder: Binder, node: NodeOf<'call'>, args: readonly Bound[]): Bound {
  const [text, delimiter, isNull] = args.map((arg) => demand(binder, arg, TEXT, 'string_to_array'));
  if ([text, delimiter, isNull].some((arg) => arg !== undefined && isUnresolved(arg))) {
    return { ...unresolved(node), type: TEXTS };
  }
  const run: Bound['run'] = (row) => {
    const cells = [text!.run(row), delimiter!.run(row), isNull === undefined ? null : isNull.run(row)];
    if (cells[0] === null) return null;
    return cells.includes(undefined)
      ? undefined
      : toArray(cells[0] as string, cells[1] as string | null, cells[2] ?? null);
  };
  const parts = isNull === undefined ? [text!, delimiter!] : [text!, delimiter!, isNull];
  return binder.made(node, TEXTS, parts, run, text!.nullable);
}

export const arrayFunctions: readonly FunctionEntry[] = [
  ofArray(
    'array_length',
    ['array_length(array, dimension)'],
    'Number of elements of a dimension, from 1; NULL of an empty array.',
    [[INTEGER]],
    INTEGER,
    () => (items, dimension) => lengthOf(items as Items, dimension as number),
  ),
  ofArray(
    'cardinality',
    ['cardinality(array)'],
    'Number of all elements.',
    [[]],
    INTEGER,
    () => (items) => flat(items as Items).length,
  ),
  ofArray(
    'array_to_string',
    ['array_to_string(array, separator)', 'array_to_string(array, separator, instead of NULL)'],
    'The elements as text, joined; NULLs are left out.',
    [[TEXT], [TEXT, TEXT]],
    TEXT,
    joined,
  ),
  {
    name: 'array_position',
    usage: ['array_position(array, value)'],
    summary: 'Where the value first stands, from 1; NULL: nowhere.',
    minArgs: 2,
    maxArgs: 2,
    bind: bindPosition,
  },
  {
    name: 'string_to_array',
    usage: ['string_to_array(text, delimiter)', 'string_to_array(text, delimiter, instead of NULL)'],
    summary: 'The parts between delimiters.',
    minArgs: 2,
    maxArgs: 3,
    bind: bindSplit,
  },
];
