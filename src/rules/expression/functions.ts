/** The functions of expressions: names and meaning are PostgreSQL's. */
import { didYouMean } from '../../lib/did-you-mean.ts';
import { quoted } from '../../lib/printable.ts';
import type { NodeOf } from './ast.ts';
import type { Binder } from './binder.ts';
import { type Bound, isUnresolved, unresolved } from './bound.ts';
import { arrayFunctions } from './functions/arrays.ts';
import { binaryFunctions } from './functions/binary.ts';
import { generalFunctions } from './functions/general.ts';
import { jsonFunctions } from './functions/json.ts';
import { numericFunctions } from './functions/numeric.ts';
import { regexpFunctions } from './functions/regexp.ts';
import { stringFunctions } from './functions/strings.ts';
import { textFunctions } from './functions/text.ts';
import { timeFunctions } from './functions/time.ts';
import { bindOverload, checkLiterals, type Overload } from './overloads.ts';

/** Either a list of overloads, or a function that looks at its arguments itself. */
export interface FunctionEntry {
  readonly name: string;
  /** How it is called, for messages and the reference page. */
  readonly usage: readonly string[];
  readonly summary: string;
  readonly minArgs: number;
  readonly maxArgs: number;
  readonly overloads?: readonly Overload[];
  readonly bind?: (binder: Binder, place: NodeOf<'call'>, args: readonly Bound[]) => Bound;
}

export const functionCatalogue: readonly FunctionEntry[] = [
  ...textFunctions,
  ...stringFunctions,
  ...regexpFunctions,
  ...binaryFunctions,
  ...numericFunctions,
  ...timeFunctions,
  ...jsonFunctions,
  ...arrayFunctions,
  ...generalFunctions,
];

const BY_NAME = new Map(functionCatalogue.map((entry) => [entry.name, entry]));

export function bindCall(binder: Binder, node: NodeOf<'call'>): Bound {
  const name = node.name.toLowerCase();
  const entry = BY_NAME.get(name);
  const args = node.args.map((arg) => binder.bind(arg));
  if (entry === undefined) {
    const place = { at: node.at, end: node.nameEnd };
    const names = [...BY_NAME.keys(), 'cast'];
    const fix = didYouMean(name, names) ?? `there are ${names.sort().join(', ')}`;
    return binder.problem(place, 'unknown-function', `there is no function ${quoted(node.name)}`, fix);
  }
  if (args.length < entry.minArgs || args.length > entry.maxArgs) return wrongCount(binder, node, entry);
  if (entry.bind !== undefined) return entry.bind(binder, node, args);
  const { overloads = [] } = entry;
  if (!args.some(isUnresolved)) return bindOverload(binder, node, entry, args);
  if (!checkLiterals(binder, overloads, args)) return unresolved(node);
  const results = new Set(overloads.map(({ result }) => result));
  return results.size === 1 ? { ...unresolved(node), type: overloads[0]!.result } : unresolved(node);
}

function wrongCount(binder: Binder, node: NodeOf<'call'>, entry: FunctionEntry): Bound {
  const { minArgs, maxArgs, name, usage } = entry;
  const wanted =
    minArgs === maxArgs
      ? String(minArgs)
      : maxArgs === Number.POSITIVE_INFINITY
        ? `at least ${minArgs}`
        : `${minArgs} to ${maxArgs}`;
  const message = `${name} takes ${wanted} argument${maxArgs === 1 || wanted === 'at least 1' ? '' : 's'}, here are ${node.args.length}`;
  return binder.problem(node, 'function-arguments', message, `write ${usage.join(' or ')}`);
}
