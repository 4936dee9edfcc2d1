/**
 * Mappings for the source's types. `_source` holds every value as the log does; the mapping says what is found by a query. No
 * value of a column is refused by the mapping made for it: what a type cannot index (`infinity`, NaN, years beyond 9999) is
 * kept and not indexed.
 */
import type { Column, Kind } from '../../src/sdk/index.ts';

/** A keyword is one term of at most 32,766 bytes; a character has up to four. */
const KEYWORD = { type: 'keyword', ignore_above: 8_191 } as const;
const DATE = { type: 'date', format: 'strict_date_optional_time', ignore_malformed: true } as const;
const DOUBLE = { type: 'double', ignore_malformed: true } as const;
const UNINDEXED = { type: 'object', enabled: false } as const;
const TEXT = { type: 'text', fields: { keyword: { type: 'keyword', ignore_above: 256 } } } as const;

export type Mapping = { readonly type: string; readonly [setting: string]: unknown };

const MAPPINGS: Readonly<Partial<Record<Kind, Mapping>>> = {
  bool: { type: 'boolean' },
  int16: { type: 'short' },
  int32: { type: 'integer' },
  int64: { type: 'long' },
  uint64: DOUBLE,
  float32: { type: 'float', ignore_malformed: true },
  float64: DOUBLE,
  decimal: DOUBLE,
  text: TEXT,
  bytes: { type: 'binary' },
  date: DATE,
  timestamp: DATE,
  timestamptz: DATE,
  json: UNINDEXED,
  composite: UNINDEXED,
};

type Fields = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/**
 * Of an array: the mapping of its elements, since a field may hold many values; their JSON is a string.
 * @param fields what the configuration says of single columns
 */
export function mappingOf(column: Column, fields: Fields = {}): Mapping {
  const own = Object.hasOwn(fields, column.name) ? fields[column.name] : undefined;
  if (own !== undefined) return { ...own, type: String(own.type ?? 'object') };
  if (column.kind === 'array')
    return column.element === 'json' ? KEYWORD : (MAPPINGS[column.element ?? 'other'] ?? KEYWORD);
  // A key is looked for as a whole.
  if (column.kind === 'text' && column.keyOrdinal !== undefined) return KEYWORD;
  return MAPPINGS[column.kind] ?? KEYWORD;
}

const STRINGS = [
  'text',
  'keyword',
  'wildcard',
  'match_only_text',
  'constant_keyword',
  'search_as_you_type',
  'semantic_text',
];
const OBJECTS = ['object', 'nested', 'flattened'];
const INTEGERS = ['byte', 'short', 'integer', 'long', 'unsigned_long'];
const FRACTIONS = ['half_float', 'float', 'double', 'scaled_float'];

/** Would a field of an index that we did not make take all values that `wanted` takes? What cannot be judged is tried. */
export function takes(present: string, wanted: string): boolean {
  if (present === wanted) return true;
  if (OBJECTS.includes(present) || wanted === UNINDEXED.type)
    return OBJECTS.includes(present) && wanted === UNINDEXED.type;
  if (STRINGS.includes(present)) return true;
  if (INTEGERS.includes(present))
    return INTEGERS.includes(wanted) && INTEGERS.indexOf(wanted) < INTEGERS.indexOf(present);
  if (FRACTIONS.includes(present)) return INTEGERS.includes(wanted) || FRACTIONS.includes(wanted);
  if (present === 'date' || present === 'date_nanos') return wanted === 'date';
  return present !== 'boolean' && present !== 'binary';
}
