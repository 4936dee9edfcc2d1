/** Functions of text. */
import type { Run } from '../../row-image.ts';
import type { Present } from '../../values/cell.ts';
import { codePointCount } from '../../values/text.ts';
import type { NodeOf } from '../ast.ts';
import type { Binder } from '../binder.ts';
import { type Bound, isUnresolved, strict1, unresolved } from '../bound.ts';
import { demand, typed } from '../coerce.ts';
import type { FunctionEntry } from '../functions.ts';
import { overload } from '../overloads.ts';
import { toOutputText } from '../text-form.ts';
import { nameOf, TEXT, typeOf } from '../types.ts';

const BYTES = typeOf('bytes');
const INTEGER = typeOf('int32');

export const textFunctions: readonly FunctionEntry[] = [
  {
    name: 'lower',
    usage: ['lower(text)'],
    summary: 'In lower case, by the rules of Unicode in full, whatever the locale.',
    minArgs: 1,
    maxArgs: 1,
    overloads: [overload([TEXT], TEXT, (text: string) => text.toLowerCase())],
  },
  {
    name: 'upper',
    usage: ['upper(text)'],
    summary: 'In upper case, by the rules of Unicode in full, whatever the locale.',
    minArgs: 1,
    maxArgs: 1,
    overloads: [overload([TEXT], TEXT, (text: string) => text.toUpperCase())],
  },
  {
    name: 'length',
    usage: ['length(text)', 'length(bytea)'],
    summary: 'Number of characters (code points), or of bytes.',
    minArgs: 1,
    maxArgs: 1,
    overloads: [
      overload([TEXT], INTEGER, (text: string) => codePointCount(text)),
      overload([BYTES], INTEGER, (bytes: Uint8Array) => bytes.length),
    ],
  },
  {
    name: 'concat',
    usage: ['concat(value, …)'],
    summary: 'All values written as text and joined; NULL counts as nothing.',
    minArgs: 1,
    maxArgs: Number.POSITIVE_INFINITY,
    bind: bindConcat,
  },
  {
    name: 'concat_ws',
    usage: ['concat_ws(separator, value, …)'],
    summary: 'The values that are not NULL, written as text, with the separator between them; NULL when that is NULL.',
    minArgs: 2,
    maxArgs: Number.POSITIVE_INFINITY,
    bind: bindConcatWs,
  },
];

function bindConcatWs(binder: Binder, node: NodeOf<'call'>, args: readonly Bound[]): Bound {
  const [separator, ...parts] = args.map((arg, i) =>
    i === 0 ? demand(binder, arg, TEXT, 'concat_ws') : output(binder, typed(binder, arg)),
  );
  if (isUnresolved(separator!) || parts.some(isUnresolved)) return { ...unresolved(node), type: TEXT };
  const run: Run = (row) => {
    const between = separator!.run(row);
    const values = parts.map((part) => part.run(row));
    if (between === null || between === undefined) return between;
    if (values.includes(undefined)) return undefined;
    return values.filter((value) => value !== null).join(between as string);
  };
  return binder.made(node, TEXT, [separator!, ...parts], run, separator!.nullable);
}

function bindConcat(binder: Binder, node: NodeOf<'call'>, args: readonly Bound[]): Bound {
  const parts = args.map((arg) => output(binder, typed(binder, arg)));
  if (parts.some(isUnresolved)) return { ...unresolved(node), type: TEXT };
  const runs = parts.map(({ run }) => run);
  return binder.made(
    node,
    TEXT,
    parts,
    (row) => {
      let text: string | undefined = '';
      for (const run of runs) {
        const part = run(row);
        if (part === undefined) text = undefined;
        else if (part !== null && text !== undefined) text += part as string;
      }
      return text;
    },
    false,
  );
}

function output(binder: Binder, operand: Bound): Bound {
  if (isUnresolved(operand)) return operand;
  const convert = toOutputText(operand.type);
  if (convert === null) {
    return binder.problem(operand.place, 'type-mismatch', `${nameOf(operand.type)} cannot be written as text`);
  }
  const run = strict1(operand, (value: Present) => convert(value));
  return binder.made(operand.place, TEXT, [operand], run, operand.nullable);
}
