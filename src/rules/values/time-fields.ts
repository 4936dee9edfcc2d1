/**
 * Fields of dates and times, and rounding down to them, as PostgreSQL's `extract` and `date_trunc`. Weeks are those of ISO 8601.
 * https://www.postgresql.org/docs/18/functions-datetime.html
 */
import { fail } from '../fail.ts';
import { add, Decimal, decimalOfInteger, divide, INFINITY, NEGATIVE_INFINITY } from './decimal.ts';
import { daysOf, isInfinite, type Moment, momentOf, timeOf, timestampOf } from './temporal.ts';

export const DATE_FIELDS = [
  'century',
  'day',
  'decade',
  'dow',
  'doy',
  'epoch',
  'isodow',
  'isoyear',
  'julian',
  'millennium',
  'month',
  'quarter',
  'week',
  'year',
] as const;
export const TIME_FIELDS = ['epoch', 'hour', 'microseconds', 'milliseconds', 'minute', 'second'] as const;
type DateField = (typeof DATE_FIELDS)[number];
type TimeField = Exclude<(typeof TIME_FIELDS)[number], 'epoch'>;

const DAY = 86_400_000_000;
const JULIAN_1970 = 2_440_588;
/** Fields that only grow are infinite for an infinite time, others unknown. */
const MONOTONIC: readonly string[] = ['century', 'decade', 'epoch', 'isoyear', 'julian', 'millennium', 'year'];

/** Monday 1 to Sunday 7. */
const isoDay = (days: number) => ((((days + 3) % 7) + 7) % 7) + 1;

/** The year that the week of the day belongs to, and its number. */
export function isoWeek(days: number): readonly [year: number, week: number] {
  const thursday = days - isoDay(days) + 4;
  const [year] = yearAndDay(thursday);
  return [year, Math.floor((thursday - daysOf(year, 1, 1)) / 7) + 1];
}

function yearAndDay(days: number): readonly [year: number, day: number] {
  let year = 1970 + Math.floor(days / 365.2425);
  while (daysOf(year, 1, 1) > days) year--;
  while (daysOf(year + 1, 1, 1) <= days) year++;
  return [year, days - daysOf(year, 1, 1) + 1];
}

export const dayOfYear = ({ days, year }: Moment) => days - daysOf(year, 1, 1) + 1;
export const dayOfWeek = ({ days }: Moment) => isoDay(days) % 7;
export const isoDayOfWeek = ({ days }: Moment) => isoDay(days);

/** There is no year 0: the one before 1 is -1. */
const shownYear = (year: number) => (year > 0 ? year : year - 1);
const period = (year: number, length: number) =>
  year > 0 ? Math.floor((year + length - 1) / length) : -Math.floor((length - 1 - (year - 1)) / length);

function dateField(moment: Moment, field: Exclude<DateField, 'epoch' | 'julian'>): number {
  const { year, month, day, days } = moment;
  switch (field) {
    case 'century':
      return period(year, 100);
    case 'millennium':
      return period(year, 1_000);
    case 'decade':
      return Math.floor(year / 10);
    case 'year':
      return shownYear(year);
    case 'isoyear':
      return shownYear(isoWeek(days)[0]);
    case 'quarter':
      return Math.floor((month - 1) / 3) + 1;
    case 'month':
      return month;
    case 'week':
      return isoWeek(days)[1];
    case 'day':
      return day;
    case 'doy':
      return dayOfYear(moment);
    case 'dow':
      return dayOfWeek(moment);
    case 'isodow':
      return isoDayOfWeek(moment);
  }
}

function timeField(time: number, field: TimeField): Decimal {
  switch (field) {
    case 'hour':
      return decimalOfInteger(Math.floor(time / 3_600_000_000));
    case 'minute':
      return decimalOfInteger(Math.floor(time / 60_000_000) % 60);
    case 'second':
      return new Decimal(BigInt(time % 60_000_000), 6);
    case 'milliseconds':
      return new Decimal(BigInt(time % 60_000_000), 3);
    case 'microseconds':
      return decimalOfInteger(time % 60_000_000);
  }
}

const isTimeField = (field: string): field is TimeField => field !== 'epoch' && TIME_FIELDS.includes(field as 'hour');

/** Other names of fields. Throws `rule.failed` for one that there is not. */
export function fieldName(name: string, known: readonly string[]): string {
  const lower = name.toLowerCase();
  const plain =
    lower.endsWith('s') && !['microseconds', 'milliseconds', 'century'].includes(lower) ? lower.slice(0, -1) : lower;
  const found = known.find((field) => field === lower || field === plain || `${field}s` === plain);
  return found ?? fail(`of the fields of dates and times there are ${[...known].sort().join(', ')}`);
}

/** @param hasTime false for a date. Null where an infinite one has no such field. Throws `rule.failed`. */
export function fieldOf(text: string, name: string, hasTime: boolean): Decimal | null {
  const field = fieldName(name, hasTime ? [...DATE_FIELDS, ...TIME_FIELDS] : DATE_FIELDS);
  if (isInfinite(text)) {
    if (!MONOTONIC.includes(field)) return null;
    return text.startsWith('-') ? NEGATIVE_INFINITY : INFINITY;
  }
  const moment = momentOf(text)!;
  if (isTimeField(field)) return timeField(moment.time, field);
  if (field === 'epoch') {
    if (!hasTime) return decimalOfInteger(moment.days * 86_400);
    return new Decimal(BigInt(moment.days) * BigInt(DAY) + BigInt(moment.time), 6);
  }
  if (field !== 'julian') return decimalOfInteger(dateField(moment, field as 'year'));
  const julian = decimalOfInteger(moment.days + JULIAN_1970);
  return hasTime ? julianOf(moment.days + JULIAN_1970, moment.time) : julian;
}

/** The day with the part of it that has passed. */
function julianOf(day: number, time: number): Decimal {
  return add(decimalOfInteger(day), divide(decimalOfInteger(time), decimalOfInteger(DAY)));
}

/** Of a time of day. Throws `rule.failed`. */
export function fieldOfTime(text: string, name: string): Decimal {
  const field = fieldName(name, TIME_FIELDS);
  const time = timeOf(text);
  return isTimeField(field) ? timeField(time, field) : new Decimal(BigInt(time), 6);
}

export const TRUNCATIONS = [
  'century',
  'day',
  'decade',
  'hour',
  'microseconds',
  'millennium',
  'milliseconds',
  'minute',
  'month',
  'quarter',
  'second',
  'week',
  'year',
] as const;

const TIME_UNITS: Readonly<Record<string, number>> = {
  microseconds: 1,
  milliseconds: 1_000,
  second: 1_000_000,
  minute: 60_000_000,
  hour: 3_600_000_000,
  day: DAY,
};

/** Throws `rule.failed` for a field that there is not. */
export function truncatedTo(text: string, name: string, zone: '' | 'Z'): string {
  const field = fieldName(name, TRUNCATIONS);
  const moment = momentOf(text);
  if (moment === null) return text;
  const { year, month, days, time } = moment;
  if (Object.hasOwn(TIME_UNITS, field)) return timestampOf(days, time - (time % TIME_UNITS[field]!), zone);
  if (field === 'week') return timestampOf(days - isoDay(days) + 1, 0, zone);
  if (field === 'month') return timestampOf(daysOf(year, month, 1), 0, zone);
  if (field === 'quarter') return timestampOf(daysOf(year, month - ((month - 1) % 3), 1), 0, zone);
  return timestampOf(daysOf(firstYear(field, year), 1, 1), 0, zone);
}

function firstYear(field: string, year: number): number {
  if (field === 'decade') return Math.floor(year / 10) * 10;
  const length = field === 'century' ? 100 : field === 'millennium' ? 1_000 : 1;
  return Math.floor((year - 1) / length) * length + 1;
}
