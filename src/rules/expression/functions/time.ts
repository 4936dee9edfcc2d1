/** Functions of dates and times. */
import { fail } from '../../fail.ts';
import type { Cell, Present } from '../../values/cell.ts';
import { type Decimal, decimalText } from '../../values/decimal.ts';
import {
  dateText,
  daysInMonth,
  daysOf,
  isInfinite,
  momentOf,
  timestampOf,
  timestampText,
  timeText,
} from '../../values/temporal.ts';
import {
  DATE_FIELDS,
  fieldName,
  fieldOf,
  fieldOfTime,
  TIME_FIELDS,
  TRUNCATIONS,
  truncatedTo,
} from '../../values/time-fields.ts';
import { FORMAT_PATTERNS, formatted, readFormat } from '../../values/time-format.ts';
import type { FunctionEntry } from '../functions.ts';
import { type Overload, overload } from '../overloads.ts';
import { BOOL, DECIMAL, TEXT, typeOf } from '../types.ts';

const [INTEGER, DOUBLE] = [typeOf('int32'), typeOf('float64')];
const [DATE, TIME, TIMESTAMP, WITH_ZONE] = [typeOf('date'), typeOf('time'), typeOf('timestamp'), typeOf('timestamptz')];
const ALL_FIELDS = [...new Set([...DATE_FIELDS, ...TIME_FIELDS])].sort();

/** A field written into the text must be one. */
function withField(form: Overload, known: readonly string[]): Overload {
  const check = ([field]: readonly (Present | undefined)[]) => {
    if (typeof field === 'string') fieldName(field, known);
  };
  return { ...form, check, mayBeNull: true };
}

function extracting(name: string, as: (field: Decimal | null) => Cell, result = DECIMAL): readonly Overload[] {
  const of = (hasTime: boolean) => (field: string, text: string) => as(fieldOf(text, field, hasTime));
  return [
    withField(overload([TEXT, TIMESTAMP], result, of(true)), ALL_FIELDS),
    withField(overload([TEXT, WITH_ZONE], result, of(true)), ALL_FIELDS),
    ...(name === 'extract' ? [withField(overload([TEXT, DATE], result, of(false)), DATE_FIELDS)] : []),
    withField(
      overload([TEXT, TIME], result, (field: string, text: string) => as(fieldOfTime(text, field))),
      TIME_FIELDS,
    ),
  ];
}

const asFloat = (field: Decimal | null) => (field === null ? null : Number(decimalText(field)));

function dayNumber(year: number, month: number, day: number): number {
  const own = year < 0 ? year + 1 : year;
  const exists = year !== 0 && month >= 1 && month <= 12 && day >= 1 && day <= daysInMonth(own, month);
  return exists ? daysOf(own, month, day) : fail('a date does not exist in the calendar');
}

/** Microseconds; the seconds are rounded to them. */
function timeOfParts(hour: number, minute: number, second: number): number {
  const us = Math.round(second * 1_000_000);
  const total = (hour * 60 + minute) * 60_000_000 + us;
  const exists = hour >= 0 && hour <= 24 && minute >= 0 && minute < 60 && us >= 0 && us <= 60_000_000;
  return exists && total <= 86_400_000_000 ? total : fail('a time of day does not exist');
}

type Parts = [year: number, month: number, day: number, hour: number, minute: number, second: number];
const timestamp =
  (zone: '' | 'Z') =>
  (...[year, month, day, hour, minute, second]: Parts) =>
    timestampOf(dayNumber(year, month, day), timeOfParts(hour, minute, second), zone);

function ofEpoch(seconds: number): string {
  if (Number.isNaN(seconds)) return fail('a time cannot be made of NaN');
  if (!Number.isFinite(seconds)) return seconds > 0 ? 'infinity' : '-infinity';
  if (Math.abs(seconds) > 1e14) return fail('timestamp out of range');
  return timestampText(BigInt(Math.round(seconds * 1_000_000)), 'Z');
}

const finite = [DATE, TIMESTAMP, WITH_ZONE].map((type) => overload([type], BOOL, (text: string) => !isInfinite(text)));
const PARTS = [INTEGER, INTEGER, INTEGER, INTEGER, INTEGER, DOUBLE];

const formatting = [TIMESTAMP, WITH_ZONE].map((type) => ({
  ...overload([type, TEXT], TEXT, formatted),
  mayBeNull: true as const,
  check: ([, format]: readonly (Present | undefined)[]) => void (typeof format === 'string' && readFormat(format)),
}));

function entry(name: string, usage: string, summary: string, overloads: readonly Overload[]): FunctionEntry {
  const counts = overloads.map(({ params }) => params.length);
  return { name, usage: [usage], summary, minArgs: Math.min(...counts), maxArgs: Math.max(...counts), overloads };
}

export const timeFunctions: readonly FunctionEntry[] = [
  entry(
    'extract',
    'extract(field from date or time)',
    `A field as \`numeric\`: ${ALL_FIELDS.join(', ')}.`,
    extracting('extract', (field) => field),
  ),
  entry(
    'date_part',
    "date_part('field', date or time)",
    'As `extract`, as `double precision`.',
    extracting('date_part', asFloat, DOUBLE),
  ),
  entry(
    'date_trunc',
    "date_trunc('field', timestamp)",
    `The start of the ${TRUNCATIONS.join(', ')} that it lies in.`,
    (
      [
        [TIMESTAMP, ''],
        [WITH_ZONE, 'Z'],
      ] as const
    ).map(([type, zone]) => ({
      ...overload([TEXT, type], type, (field: string, text: string) => truncatedTo(text, field, zone)),
      check: ([field]: readonly (Present | undefined)[]) =>
        void (typeof field === 'string' && fieldName(field, TRUNCATIONS)),
    })),
  ),
  entry(
    'to_char',
    "to_char(timestamp, 'format')",
    `Written with the patterns ${FORMAT_PATTERNS.join(', ')}; \`FM\` before one leaves out what fills it up, text stands in double quotes.`,
    formatting,
  ),
  entry('make_date', 'make_date(year, month, day)', 'A date.', [
    overload([INTEGER, INTEGER, INTEGER], DATE, (year: number, month: number, day: number) =>
      dateText(dayNumber(year, month, day)),
    ),
  ]),
  entry('make_time', 'make_time(hour, minute, second)', 'A time of day.', [
    overload([INTEGER, INTEGER, DOUBLE], TIME, (hour: number, minute: number, second: number) =>
      timeText(timeOfParts(hour, minute, second)),
    ),
  ]),
  entry('make_timestamp', 'make_timestamp(year, month, day, hour, minute, second)', 'A timestamp.', [
    overload(PARTS, TIMESTAMP, timestamp('')),
  ]),
  entry(
    'make_timestamptz',
    'make_timestamptz(year, month, day, hour, minute, second)',
    'A timestamp with zone, in UTC.',
    [overload(PARTS, WITH_ZONE, timestamp('Z'))],
  ),
  entry('to_timestamp', 'to_timestamp(seconds)', 'The time so many seconds after 1970.', [
    overload([DOUBLE], WITH_ZONE, ofEpoch),
  ]),
  entry('isfinite', 'isfinite(date or time)', 'Is it neither `infinity` nor `-infinity`?', finite),
];

/** `date + n`, days; an infinite date stays. */
export function addDays(text: string, days: number): string {
  const moment = momentOf(text);
  return moment === null ? text : dateText(moment.days + days);
}

/** `date - date`, days. */
export function daysBetween(a: string, b: string): number {
  const [x, y] = [momentOf(a), momentOf(b)];
  return x === null || y === null ? fail('an infinite date has no distance') : x.days - y.days;
}
