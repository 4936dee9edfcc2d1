/** What the generated reference page says of rules, taken from the catalogues that the code runs by. */
import { conversion } from './expression/conversion.ts';
import { functionCatalogue } from './expression/functions.ts';
import { MAX_DEPTH, MAX_LENGTH, MAX_NODES } from './expression/limits.ts';
import { FACTS } from './expression/scope.ts';
import { TYPE_NAMES } from './expression/type-names.ts';
import { type MadeKind, typeOf } from './expression/types.ts';
import { stepCatalogue } from './steps/catalogue.ts';

export interface RulesReference {
  readonly steps: readonly { readonly verb: string; readonly summary: string; readonly example: string }[];
  /** From the weakest to the strongest. */
  readonly operators: readonly { readonly form: string; readonly meaning: string }[];
  readonly functions: readonly { readonly usage: readonly string[]; readonly summary: string }[];
  readonly facts: readonly { readonly name: string; readonly summary: string }[];
  readonly casts: readonly {
    readonly from: string;
    readonly itself: readonly string[];
    readonly asked: readonly string[];
  }[];
  readonly typeNames: readonly string[];
  readonly deviations: readonly string[];
  readonly limits: readonly string[];
}

const OPERATORS: RulesReference['operators'] = [
  { form: 'a or b', meaning: 'three-valued: NULL is "not known"' },
  { form: 'a and b', meaning: 'from left to right; what comes after a deciding operand is not computed' },
  { form: 'not a', meaning: 'NULL stays NULL' },
  { form: 'x is [not] null, true, false, unknown', meaning: 'always true or false' },
  { form: 'x is [not] distinct from y', meaning: 'as `<>` and `=`, but NULL is a value like others' },
  { form: 'x = y, <> (!=), <, <=, >, >=', meaning: 'cannot be chained' },
  { form: 'x [not] in (a, b, …)', meaning: '`x = a or x = b …`' },
  { form: 'x [not] between a and b', meaning: '`x >= a and x <= b`' },
  {
    form: "x [not] like 'a%' [escape '!']",
    meaning: '`%` any text, `_` one character, `\\` takes the next one literally',
  },
  { form: "x [not] ilike 'a%'", meaning: 'as `like`, upper and lower case being the same' },
  {
    form: "x ~ 'pattern', ~*, !~, !~*",
    meaning: 'does a regular expression match somewhere; `*`: upper and lower case being the same; `!`: not',
  },
  {
    form: "json -> 'name', json -> 0, json ->> 'name'",
    meaning: 'a field of an object, an element of an array; `->>` as text. Of several equal keys the last one',
  },
  {
    form: "json #> '{a,0}', json #>> '{a,0}'",
    meaning:
      'a part deep within. In YAML ` #` begins a comment: write the expression in quotes, or `jsonb_extract_path`',
  },
  { form: 'x = any (array), x <> all (array)', meaning: 'with each comparison operator' },
  { form: 'x || y', meaning: 'joins text; joins two bytea; joins two jsonb' },
  { form: 'x + y, x - y', meaning: 'numbers; days of a date' },
  { form: 'x * y, x / y, x % y', meaning: 'numbers' },
  { form: '-x, +x', meaning: '' },
  { form: "cast(x as type), x::type, type '…'", meaning: 'see below' },
  { form: 'array[a, b], array[1]', meaning: 'an array of these elements; the element at a place, from 1' },
  { form: 'case when a then x … else y end', meaning: 'also `case x when a then …`' },
];

/** Each is kept out of, or looked for by, the comparison with a real server in expression/postgres.test.ts. */
const DEVIATIONS: readonly string[] = [
  '`/` divides whole numbers exactly: `7 / 2` is `3.5000000000000000`. Both become `numeric`, with the scale that PostgreSQL gives a quotient of `numeric`.',
  'Names of columns are taken as written, upper and lower case matter. In double quotes they may hold any character.',
  'Text is ordered and compared by code point (collation `C`); `lower` and `upper` follow Unicode in full (`pg_unicode_fast`), whatever the locale of the source.',
  'The time zone is UTC.',
  'Dates and times are read in their ISO 8601 forms only; not `yesterday`, `Feb 29 2024` or `now`.',
  'Of arithmetic with dates and times there is `date + n`, `date - n` and `date - date`, in days; intervals and times of day are not reckoned with, truncated or formatted. Instead: `extract(epoch from a) - extract(epoch from b)`, `to_timestamp(…)`.',
  '`to_char` writes dates and times only, by the patterns listed; another letter is an error, not text.',
  '`sqrt`, `cbrt`, `exp`, `ln`, `log`, `log10` and `power` are computed as `double precision`, a `numeric` must be cast; all but `sqrt` may differ in the last bit. `gcd` and `lcm` take whole numbers.',
  '`make_timestamptz` takes no name of a zone. `make_time` and the others round seconds to microseconds.',
  'Intervals, times with zone, ranges and other types can only pass, be masked, and be tested with `is null`; JSON, enums and bit strings can be cast to text.',
  'Text is read as a number in decimal form only: no hexadecimal, no underscores.',
  '`bytea` is not cast to and from integers, and has no `like`.',
  'A value cast to `real` that needs more than 17 digits may differ in its last bit.',
  'A `like` pattern that ends with its escape character is always an error, not only when a text gets that far.',
  'The result of `is …` needs parentheses before it is an operand of another operator: `(a is null) = b`.',
  'Patterns have no back references (`\\1`), no look-around, no collating elements and no expanded syntax (flag `x`); they have at most 1000 steps, counted repetitions included. How several groups share a match that can be shared in more than one way is decided by the first alternative and by the quantifiers from left to right.',
  'Arrays are of one dimension when they are read from text; they are not compared with each other, joined, or cast to arrays of another type. `jsonb` is neither compared nor cast to numbers and booleans: take the value with `->>`.',
  'A part of an expression that fails whatever the row is (`1 / 0`, `chr(0)`) is an error of the expression, also where it would never be computed.',
  '`repeat`, `lpad` and `rpad` make texts of at most 1048576 characters.',
  "MySQL's `bigint unsigned` counts as `numeric(20,0)`.",
  'There are no comments.',
];

const MADE: readonly MadeKind[] = [
  'bool',
  'int16',
  'int32',
  'int64',
  'decimal',
  'float32',
  'float64',
  'text',
  'bytes',
  'date',
  'time',
  'timestamp',
  'timestamptz',
  'uuid',
  'json',
];

function casts(): RulesReference['casts'] {
  return MADE.map((from) => {
    const targets = MADE.filter((to) => to !== from).map((to) => ({ to, found: conversion(typeOf(from), typeOf(to)) }));
    const names = (implicit: boolean) =>
      targets.filter(({ found }) => found?.implicit === implicit).map(({ to }) => typeOf(to).native);
    return { from: typeOf(from).native, itself: names(true), asked: names(false) };
  });
}

export function rulesReference(): RulesReference {
  return {
    steps: stepCatalogue.map(({ verb, summary, example }) => ({ verb, summary, example })),
    operators: OPERATORS,
    functions: functionCatalogue.map(({ usage, summary }) => ({ usage, summary })),
    facts: FACTS.map(({ name, summary }) => ({ name, summary })),
    casts: casts(),
    typeNames: TYPE_NAMES,
    deviations: DEVIATIONS,
    limits: [
      `${MAX_LENGTH} characters`,
      `${MAX_NODES} columns, values and operators`,
      `${MAX_DEPTH} levels of parentheses and calls within each other`,
    ],
  };
}
