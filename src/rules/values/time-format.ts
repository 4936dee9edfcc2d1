/** `to_char` of dates and times: the patterns of PostgreSQL that name a field, with `FM` and text in double quotes. */
import { fail } from '../fail.ts';
import { type Moment, momentOf } from './temporal.ts';
import { dayOfWeek, dayOfYear, isoDayOfWeek, isoWeek } from './time-fields.ts';

const MONTHS = 'January February March April May June July August September October November December'.split(' ');
const DAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ');

type Field = (moment: Moment) => { readonly text: string; readonly width: number; readonly isNumber: boolean };

const number =
  (width: number, of: (moment: Moment) => number): Field =>
  (moment) => ({ text: String(of(moment)), width, isNumber: true });
const word =
  (width: number, of: (moment: Moment) => string): Field =>
  (moment) => ({ text: of(moment), width, isNumber: false });

const hour = ({ time }: Moment) => Math.floor(time / 3_600_000_000);
const hour12 = (moment: Moment) => ((hour(moment) + 11) % 12) + 1;
const half = (moment: Moment) => (hour(moment) < 12 ? 'AM' : 'PM');
const year = ({ year: own }: Moment) => (own > 0 ? own : 1 - own);
const isoYear = ({ days }: Moment) => {
  const [own] = isoWeek(days);
  return own > 0 ? own : 1 - own;
};
const named = (
  names: readonly string[],
  index: (moment: Moment) => number,
  change: (text: string) => string,
  width = 0,
) => word(width, (moment) => change(names[index(moment)]!));
const month = ({ month: own }: Moment) => own - 1;
const short = (text: string) => text.slice(0, 3);

/** Longer patterns first. */
const FIELDS: readonly (readonly [pattern: string, field: Field])[] = [
  ['YYYY', number(4, year)],
  ['YYY', number(3, (moment) => year(moment) % 1_000)],
  ['YY', number(2, (moment) => year(moment) % 100)],
  ['Y', number(1, (moment) => year(moment) % 10)],
  ['IYYY', number(4, isoYear)],
  ['IYY', number(3, (moment) => isoYear(moment) % 1_000)],
  ['IY', number(2, (moment) => isoYear(moment) % 100)],
  ['IDDD', number(3, ({ days }) => (isoWeek(days)[1] - 1) * 7 + isoDayOfWeek({ days } as Moment))],
  ['ID', number(1, isoDayOfWeek)],
  ['IW', number(2, ({ days }) => isoWeek(days)[1])],
  ['I', number(1, (moment) => isoYear(moment) % 10)],
  ['MONTH', named(MONTHS, month, (text) => text.toUpperCase(), 9)],
  ['Month', named(MONTHS, month, (text) => text, 9)],
  ['month', named(MONTHS, month, (text) => text.toLowerCase(), 9)],
  ['MON', named(MONTHS, month, (text) => short(text).toUpperCase())],
  ['Mon', named(MONTHS, month, short)],
  ['mon', named(MONTHS, month, (text) => short(text).toLowerCase())],
  ['MM', number(2, (moment) => moment.month)],
  ['MI', number(2, ({ time }) => Math.floor(time / 60_000_000) % 60)],
  ['MS', number(3, ({ time }) => Math.floor(time / 1_000) % 1_000)],
  ['DDD', number(3, dayOfYear)],
  ['DD', number(2, ({ day }) => day)],
  ['DAY', named(DAYS, dayOfWeek, (text) => text.toUpperCase(), 9)],
  ['Day', named(DAYS, dayOfWeek, (text) => text, 9)],
  ['day', named(DAYS, dayOfWeek, (text) => text.toLowerCase(), 9)],
  ['DY', named(DAYS, dayOfWeek, (text) => short(text).toUpperCase())],
  ['Dy', named(DAYS, dayOfWeek, short)],
  ['dy', named(DAYS, dayOfWeek, (text) => short(text).toLowerCase())],
  ['D', number(1, (moment) => dayOfWeek(moment) + 1)],
  ['HH24', number(2, hour)],
  ['HH12', number(2, hour12)],
  ['HH', number(2, hour12)],
  ['SSSSS', number(1, ({ time }) => Math.floor(time / 1_000_000))],
  ['SSSS', number(1, ({ time }) => Math.floor(time / 1_000_000))],
  ['SS', number(2, ({ time }) => Math.floor(time / 1_000_000) % 60)],
  ['US', number(6, ({ time }) => time % 1_000_000)],
  ['WW', number(2, (moment) => Math.floor((dayOfYear(moment) - 1) / 7) + 1)],
  ['W', number(1, ({ day }) => Math.floor((day - 1) / 7) + 1)],
  ['Q', number(1, (moment) => Math.floor((moment.month - 1) / 3) + 1)],
  ['J', number(1, ({ days }) => days + 2_440_588)],
  ['AM', word(0, half)],
  ['PM', word(0, half)],
  ['am', word(0, (moment) => half(moment).toLowerCase())],
  ['pm', word(0, (moment) => half(moment).toLowerCase())],
];

export const FORMAT_PATTERNS: readonly string[] = FIELDS.map(([pattern]) => pattern);

type Part = string | { readonly field: Field; readonly bare: boolean };

const cache = new Map<string, readonly Part[]>();

/** Throws `rule.failed` for a letter that is part of no pattern: PostgreSQL may give it a meaning that is not known here. */
export function readFormat(format: string): readonly Part[] {
  const known = cache.get(format);
  if (known !== undefined) return known;
  const parts: Part[] = [];
  for (let at = 0; at < format.length; ) {
    const bare = format.startsWith('FM', at);
    if (bare) at += 2;
    const found = FIELDS.find(([pattern]) => format.startsWith(pattern, at));
    if (found !== undefined) {
      parts.push({ field: found[1], bare });
      at += found[0].length;
    } else if (bare) fail('behind "FM" stands no pattern of a date or time');
    else if (format[at] === '"') {
      const end = format.indexOf('"', at + 1);
      parts.push(end < 0 ? fail('a text in a format is not closed with "') : format.slice(at + 1, end));
      at = end + 1;
    } else {
      if (/[a-z\\]/i.test(format[at]!)) fail('a letter in a format is no pattern: write text in double quotes');
      parts.push(format[at]!);
      at++;
    }
  }
  if (cache.size >= 100) cache.clear();
  cache.set(format, parts);
  return parts;
}

/** Null of an infinite time. @param text canonical */
export function formatted(text: string, format: string): string | null {
  const parts = readFormat(format);
  const moment = momentOf(text);
  if (moment === null || format === '') return null;
  return parts.map((part) => (typeof part === 'string' ? part : shown(part.field(moment), part.bare))).join('');
}

function shown({ text, width, isNumber }: ReturnType<Field>, bare: boolean): string {
  if (bare) return text;
  return isNumber ? text.padStart(width, '0') : text.padEnd(width);
}
