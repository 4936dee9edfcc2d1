/** Functions of JSON. */
import { fail } from '../../fail.ts';
import type { Cell, Present } from '../../values/cell.ts';
import { jsonAsText, jsonElements, jsonPath, jsonType, objectJson, withoutNulls } from '../../values/json.ts';
import type { NodeOf } from '../ast.ts';
import type { Binder } from '../binder.ts';
import { type Bound, isUnresolved, strict1, strictN, unresolved } from '../bound.ts';
import { demand, typed } from '../coerce.ts';
import type { FunctionEntry } from '../functions.ts';
import { toJson } from '../json-value.ts';
import { toOutputText } from '../text-form.ts';
import { JSONB, nameOf, TEXT, type Type, typeOf } from '../types.ts';

const INTEGER = typeOf('int32');

/** A function of one JSON value, of `json` and of `jsonb` under its own name. */
function ofJson(name: string, summary: string, result: Type | null, apply: (json: string) => Cell): FunctionEntry[] {
  return ['json', 'jsonb'].map((prefix) => ({
    name: `${prefix}_${name}`,
    usage: [`${prefix}_${name}(${prefix})`],
    summary,
    minArgs: 1,
    maxArgs: 1,
    bind: (binder, node, [arg]) => {
      const operand = jsonOperand(binder, arg!, `${prefix}_${name}`, prefix);
      const type = result ?? operand.type;
      if (isUnresolved(operand)) return { ...unresolved(node), type };
      return binder.strict(node, type, [operand], strict1(operand, apply));
    },
  }));
}

function jsonOperand(binder: Binder, arg: Bound, name: string, native: string): Bound {
  const type = native === 'jsonb' ? JSONB : typeOf('json');
  return demand(binder, arg, type, name);
}

function extract(name: string, summary: string, asText: boolean): FunctionEntry[] {
  return ['json', 'jsonb'].map((prefix) => ({
    name: `${prefix}_extract_path${name}`,
    usage: [`${prefix}_extract_path${name}(${prefix}, key, …)`],
    summary,
    minArgs: 2,
    maxArgs: Number.POSITIVE_INFINITY,
    bind: (binder, node, args) => {
      const own = `${prefix}_extract_path${name}`;
      const operand = jsonOperand(binder, args[0]!, own, prefix);
      const keys = args.slice(1).map((arg) => demand(binder, arg, TEXT, own));
      const type = asText ? TEXT : operand.type;
      if ([operand, ...keys].some(isUnresolved)) return { ...unresolved(node), type };
      const run = strictN([operand, ...keys], (json, ...path) => {
        const found = jsonPath(json as string, path as string[]);
        return asText ? jsonAsText(found) : found;
      });
      const made = binder.strict(node, type, [operand, ...keys], run);
      return made.constant ? made : { ...made, nullable: true };
    },
  }));
}

/** The value written as JSON; NULL as null. Null when it has no text. */
function written(binder: Binder, operand: Bound): Bound['run'] | null {
  if (isUnresolved(operand)) return null;
  const write = toJson(operand.type);
  if (write === null) {
    binder.problem(operand.place, 'type-mismatch', `${nameOf(operand.type)} cannot be written as JSON`);
    return null;
  }
  const { run } = operand;
  return (row) => {
    const value = run(row);
    return value === undefined ? undefined : value === null ? 'null' : write(value);
  };
}

function bindObject(binder: Binder, node: NodeOf<'call'>, args: readonly Bound[]): Bound {
  if (args.length % 2 !== 0) {
    const fix = "for example jsonb_build_object('id', id, 'name', name)";
    return binder.problem(node, 'function-arguments', 'each key needs a value behind it', fix);
  }
  const operands = args.map((arg) => typed(binder, arg));
  const runs = operands.map((operand, i) => (i % 2 === 0 ? keyRun(binder, operand) : written(binder, operand)));
  if (runs.includes(null)) return { ...unresolved(node), type: JSONB };
  return binder.made(
    node,
    JSONB,
    operands,
    (row) => {
      const cells = runs.map((run) => run!(row));
      if (cells.includes(undefined)) return undefined;
      const entries = new Map<string, string>();
      for (let i = 0; i < cells.length; i += 2) entries.set(cells[i] as string, cells[i + 1] as string);
      return objectJson(entries);
    },
    false,
  );
}

function keyRun(binder: Binder, operand: Bound): Bound['run'] | null {
  if (isUnresolved(operand)) return null;
  const write = toOutputText(operand.type);
  if (write === null || operand.type.kind === 'json' || operand.type.kind === 'array') {
    binder.problem(operand.place, 'type-mismatch', `${nameOf(operand.type)} cannot be the key of an object`);
    return null;
  }
  const { run } = operand;
  return (row) => {
    const value = run(row);
    if (value === undefined) return undefined;
    return value === null ? fail('the key of an object is NULL') : write(value as Present);
  };
}

function bindArray(binder: Binder, node: NodeOf<'call'>, args: readonly Bound[]): Bound {
  const operands = args.map((arg) => typed(binder, arg));
  const runs = operands.map((operand) => written(binder, operand));
  if (runs.includes(null)) return { ...unresolved(node), type: JSONB };
  return binder.made(
    node,
    JSONB,
    operands,
    (row) => {
      const cells = runs.map((run) => run!(row));
      return cells.includes(undefined) ? undefined : `[${cells.join(', ')}]`;
    },
    false,
  );
}

function bindToJsonb(binder: Binder, node: NodeOf<'call'>, [arg]: readonly Bound[]): Bound {
  const operand = typed(binder, arg!);
  if (written(binder, operand) === null) return { ...unresolved(node), type: JSONB };
  return binder.strict(node, JSONB, [operand], strict1(operand, toJson(operand.type)!));
}

const length = (json: string) =>
  jsonType(json) === 'array' ? [...jsonElements(json)].length : fail('the length of JSON that is no array');

export const jsonFunctions: readonly FunctionEntry[] = [
  ...extract('', 'The part at these keys of objects and indexes of arrays; NULL when there is none.', false),
  ...extract('_text', 'As the same without `_text`, a JSON string as its text.', true),
  ...ofJson('typeof', '`object`, `array`, `string`, `number`, `boolean` or `null`.', TEXT, jsonType),
  ...ofJson('array_length', 'Number of elements.', INTEGER, length),
  {
    name: 'jsonb_strip_nulls',
    usage: ['jsonb_strip_nulls(jsonb)'],
    summary: 'Without the entries of objects that are null.',
    minArgs: 1,
    maxArgs: 1,
    bind: (binder, node, [arg]) => {
      const operand = jsonOperand(binder, arg!, 'jsonb_strip_nulls', 'jsonb');
      if (isUnresolved(operand)) return { ...unresolved(node), type: JSONB };
      return binder.strict(node, JSONB, [operand], strict1(operand, withoutNulls));
    },
  },
  {
    name: 'jsonb_build_object',
    usage: ['jsonb_build_object(key, value, …)'],
    summary: 'An object of these entries.',
    minArgs: 0,
    maxArgs: Number.POSITIVE_INFINITY,
    bind: bindObject,
  },
  {
    name: 'jsonb_build_array',
    usage: ['jsonb_build_array(value, …)'],
    summary: 'An array of these values.',
    minArgs: 0,
    maxArgs: Number.POSITIVE_INFINITY,
    bind: bindArray,
  },
  {
    name: 'to_jsonb',
    usage: ['to_jsonb(value)'],
    summary: 'A value as JSON; dates and times in ISO 8601.',
    minArgs: 1,
    maxArgs: 1,
    bind: bindToJsonb,
  },
];
