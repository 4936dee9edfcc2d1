/** The types that `cast` knows, by the names PostgreSQL gives them. */
import { didYouMean } from '../../lib/did-you-mean.ts';
import { quoted } from '../../lib/printable.ts';
import type { TypeName } from './ast.ts';
import { parseTypeName } from './parser.ts';
import { type ExpressionProblem, problemAt } from './problem.ts';
import { arrayOf, JSONB, type MadeKind, type Type, typeOf } from './types.ts';

const KINDS: Readonly<Record<string, MadeKind>> = {
  boolean: 'bool',
  bool: 'bool',
  smallint: 'int16',
  int2: 'int16',
  integer: 'int32',
  int: 'int32',
  int4: 'int32',
  bigint: 'int64',
  int8: 'int64',
  real: 'float32',
  float4: 'float32',
  'double precision': 'float64',
  float8: 'float64',
  float: 'float64',
  numeric: 'decimal',
  decimal: 'decimal',
  text: 'text',
  'character varying': 'text',
  varchar: 'text',
  character: 'text',
  char: 'text',
  'char varying': 'text',
  bytea: 'bytes',
  date: 'date',
  time: 'time',
  'time without time zone': 'time',
  timestamp: 'timestamp',
  'timestamp without time zone': 'timestamp',
  timestamptz: 'timestamptz',
  'timestamp with time zone': 'timestamptz',
  uuid: 'uuid',
  json: 'json',
  jsonb: 'json',
};

const MAX_PRECISION = 1_000;
const MAX_SCALE = 1_000;
const MAX_LENGTH = 10_485_760;

export const TYPE_NAMES: readonly string[] = Object.keys(KINDS);

/** The type, or what is wrong with the name. */
export function resolveType(type: TypeName): Type | ExpressionProblem {
  const found = resolveElement(type);
  if (!type.isArray || isProblem(found)) return found;
  if (type.modifiers.length === 0 && !found.padded) return arrayOf(found);
  const fix = `write ${type.name === 'char' || type.name === 'character' ? 'text' : type.name}[]`;
  return problemAt(type, 'type-modifier', 'the elements of an array have no limits on length or digits here', { fix });
}

function resolveElement(type: TypeName): Type | ExpressionProblem {
  const { name, modifiers } = type;
  const kind = Object.hasOwn(KINDS, name) ? KINDS[name]! : undefined;
  if (kind === undefined) {
    const fix =
      didYouMean(name, TYPE_NAMES) ?? `for example ${['integer', 'numeric(10,2)', 'text', 'timestamptz'].join(', ')}`;
    return problemAt(type, 'unknown-type', `${quoted(name)} is not a type that values can be cast to`, { fix });
  }
  if (name === 'jsonb' && modifiers.length === 0) return JSONB;
  if (kind === 'decimal') return decimalType(type);
  if (name === 'character' || name === 'char')
    return textType(type, 'character', modifiers.length === 0 ? [1] : modifiers);
  if (kind === 'text' && name !== 'text') return textType(type, 'character varying', modifiers);
  if (modifiers.length === 0) return typeOf(kind);
  return problemAt(type, 'type-modifier', `${name} takes no number in parentheses`, { fix: `write ${name}` });
}

function decimalType(type: TypeName): Type | ExpressionProblem {
  const [precision, scale = 0, ...rest] = type.modifiers;
  if (precision === undefined) return typeOf('decimal');
  if (rest.length > 0 || precision < 1 || precision > MAX_PRECISION || Math.abs(scale) > MAX_SCALE) {
    const message = `numeric takes a precision of 1 to ${MAX_PRECISION} and a scale of -${MAX_SCALE} to ${MAX_SCALE}`;
    return problemAt(type, 'type-modifier', message, { fix: 'for example numeric(10,2)' });
  }
  return { kind: 'decimal', native: `numeric(${precision},${scale})`, precision, scale };
}

function textType(type: TypeName, native: string, modifiers: readonly number[]): Type | ExpressionProblem {
  const [length, ...rest] = modifiers;
  if (length === undefined) return { kind: 'text', native };
  if (rest.length > 0 || length < 1 || length > MAX_LENGTH) {
    const message = `${type.name} takes one length of 1 to ${MAX_LENGTH} characters`;
    return problemAt(type, 'type-modifier', message, { fix: `for example ${type.name}(20)` });
  }
  const padded = native === 'character' ? { padded: true as const } : {};
  return { kind: 'text', native: `${native}(${length})`, length, ...padded };
}

/** A type alone, as the step `cast` names it. */
export function typeOfText(text: string): Type | ExpressionProblem {
  const parsed = parseTypeName(text);
  return 'code' in parsed ? parsed : resolveType(parsed);
}

export function isProblem(found: Type | ExpressionProblem): found is ExpressionProblem {
  return 'code' in found;
}
