/** TypeScript files that compute columns: loaded, and what they give held to the types that they declare. */
import { createRequire } from 'node:module';
import { TailraceError } from '../../contracts/errors.ts';
import type { Value } from '../../contracts/row.ts';
import { quoted } from '../../lib/printable.ts';
import { fromText } from '../expression/text-form.ts';
import { isProblem, typeOfText } from '../expression/type-names.ts';
import type { Type } from '../expression/types.ts';
import { fail } from '../fail.ts';
import { type Cell, codecOf, type Present } from '../values/cell.ts';

/** Columns by name; those that were not sent throw when they are read. */
export type CodeRow = Readonly<Record<string, Value>>;

export interface CodeFile {
  readonly columns: readonly { readonly name: string; readonly type: Type }[];
  readonly compute: (row: CodeRow) => unknown;
}

const require = createRequire(import.meta.url);

/** @param path absolute. Gives what is wrong with the file as text. */
export function loadCode(path: string): CodeFile | string {
  let module: Record<string, unknown>;
  try {
    module = require(path) as Record<string, unknown>;
  } catch (error) {
    const { code, name } = error as NodeJS.ErrnoException;
    if (code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND' || code === 'ENOENT')
      return 'the file, or one that it imports, is not there';
    return `the file cannot be loaded: ${name}`;
  }
  const { default: compute, columns } = module;
  if (typeof compute !== 'function') return 'the file has no function as its default export';
  if (typeof columns !== 'object' || columns === null || Object.keys(columns).length === 0) {
    return 'the file does not export "columns", the names and types of what its function makes';
  }
  return codeOf(columns as Readonly<Record<string, unknown>>, compute as CodeFile['compute']);
}

/** @param columns names and SQL types. Gives what is wrong with them as text. */
export function codeOf(columns: Readonly<Record<string, unknown>>, compute: CodeFile['compute']): CodeFile | string {
  const types = Object.entries(columns).map(([name, text]) => ({ name, found: typeOfText(String(text)) }));
  const wrong = types.find(({ found }) => isProblem(found));
  if (wrong !== undefined) return `its column ${quoted(wrong.name)} has no right type`;
  return { columns: types.map(({ name, found }) => ({ name, type: found as Type })), compute };
}

/** What the function gave for a row, as an object. Throws `rule.failed`; the message holds no value (Invariant 12). */
export function computed(compute: CodeFile['compute'], row: CodeRow): Readonly<Record<string, unknown>> {
  let result: unknown;
  try {
    result = compute(row);
  } catch (error) {
    if (error instanceof NotSentError || error instanceof TailraceError) throw error;
    return fail(`the function threw ${error instanceof Error ? error.name : 'something'}`);
  }
  if (typeof result !== 'object' || result === null) return fail('the function gave no object');
  if (typeof (result as { then?: unknown }).then === 'function') return fail('the function is asynchronous');
  return result as Readonly<Record<string, unknown>>;
}

/** A column was read that the source did not send. */
export class NotSentError extends Error {}

/** Throws `rule.failed` for what is no value of the type. */
export function cellOf(type: Type, given: unknown): Cell {
  if (given === null || given === undefined) return null;
  const cell = matching(type, given);
  return cell ?? fail(`the function gave no value of type ${type.native}`);
}

function matching(type: Type, given: unknown): Present | null {
  const { kind, element } = type;
  switch (kind) {
    case 'bool':
      return typeof given === 'boolean' ? given : null;
    case 'text':
      return typeof given === 'string' ? fromText(type)!(given) : null;
    case 'float32':
    case 'float64':
      return typeof given === 'number' ? codecOf(kind).read(given) : null;
    case 'bytes':
      return given instanceof Uint8Array ? given : null;
    case 'array':
      return Array.isArray(given) ? codecOf(kind, element).read(given as readonly Value[]) : null;
    case 'json':
      return fromText(type)!(JSON.stringify(given) ?? '');
    default: {
      const isNumber = typeof given === 'bigint' || Number.isSafeInteger(given);
      return typeof given === 'string' || isNumber ? fromText(type)!(String(given)) : null;
    }
  }
}
