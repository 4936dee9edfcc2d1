/** Functions of text. */
import type { Present } from '../../values/cell.ts';
import { codePointCount } from '../../values/text.ts';
import type { NodeOf } from '../ast.ts';
import type { Binder } from '../binder.ts';
import { type Bound, isUnresolved, strict1, unresolved } from '../bound.ts';
import { typed } from '../coerce.ts';
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
];

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
