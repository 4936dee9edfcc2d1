/** Values of expressions as JSON, as `to_jsonb` writes them. */
import type { Value } from '../../contracts/row.ts';
import { fail } from '../fail.ts';
import { codecOf, type Present } from '../values/cell.ts';
import { normalJson } from '../values/json.ts';
import { toOutputText } from './text-form.ts';
import { elementOf, type Type, type TypeKind } from './types.ts';

const NUMBERS: readonly TypeKind[] = ['int16', 'int32', 'int64', 'decimal', 'float32', 'float64'];

/** Null for types that have no text here. */
export function toJson(type: Type): ((value: Present) => string) | null {
  const { kind } = type;
  if (kind === 'json') return (value) => normalJson(value as string);
  if (kind === 'bool') return String;
  if (kind === 'array') return arrayToJson(type);
  const text = toOutputText(type);
  if (text === null) return null;
  if (NUMBERS.includes(kind)) return numberToJson(text);
  if (kind === 'timestamp') return (value) => quote(text(value).replace(' ', 'T'));
  if (kind === 'timestamptz') return (value) => quote(text(value).replace(' ', 'T').replace('+00', '+00:00'));
  return (value) => quote(text(value));
}

const quote = (text: string) => JSON.stringify(text);

/** NaN and the infinities are strings; exponents are written out. */
function numberToJson(text: (value: Present) => string): (value: Present) => string {
  return (value) => {
    const written = text(value);
    return /^-?\d/.test(written) ? normalJson(written) : quote(written);
  };
}

function arrayToJson(type: Type): ((value: Present) => string) | null {
  const element = elementOf(type);
  const write = element === null ? null : toJson(element);
  if (element === null || write === null) return null;
  const { read } = codecOf(element.kind as 'text');
  const items = (value: readonly Value[]): string =>
    `[${value
      .map((item) => {
        if (item === null) return 'null';
        return Array.isArray(item) ? items(item as readonly Value[]) : write(read(item as NonNullable<Value>));
      })
      .join(', ')}]`;
  return (value) => (Array.isArray(value) ? items(value as readonly Value[]) : fail('an array column holds no array'));
}
