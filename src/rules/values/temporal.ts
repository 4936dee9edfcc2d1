/**
 * Dates and times. Their values are canonical text (contracts/row.ts): `2024-02-29`, `12:00:00.123456`,
 * `2024-02-29T12:00:00.123456`, with `Z` for timestamptz, years before 1 as `0044-03-15 BC`, `infinity`, `-infinity`.
 * Here they are read, compared and converted. The calendar is the proleptic Gregorian one, the zone always UTC.
 */
import { fail } from '../fail.ts';
import { trimSpace } from './text.ts';

export type TemporalKind = 'date' | 'time' | 'timestamp' | 'timestamptz';

const DAY_US = 86_400_000_000n;
/** PostgreSQL's limits, in days since 1970: dates from 4714-11-24 BC to 5874897-12-31, timestamps to 294276-12-31. */
const FIRST_DAY = -2_440_588;
const LAST_DATE = 2_145_042_905;
const LAST_TIMESTAMP = 106_762_939;

/** Length of the usual form, years 0001 to 9999: texts of this length compare as they stand. */
const USUAL_LENGTH: Readonly<Record<TemporalKind, number>> = { date: 10, time: 15, timestamp: 26, timestamptz: 27 };

/** Days since 1970-01-01. Years before 1 are 0, -1 … (https://howardhinnant.github.io/date_algorithms.html). */
export function daysOf(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

export function dateOfDays(days: number): [year: number, month: number, day: number] {
  const z = days + 719_468;
  const era = Math.floor(z / 146_097);
  const dayOfEra = z - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1_460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1;
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  return [yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day];
}

export function daysInMonth(year: number, month: number): number {
  if (month !== 2) return [4, 6, 9, 11].includes(month) ? 30 : 31;
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
}

const two = (value: number) => String(value).padStart(2, '0');

function dateParts(days: number): [text: string, era: string] {
  const [year, month, day] = dateOfDays(days);
  const shown = year > 0 ? year : 1 - year;
  return [`${String(shown).padStart(4, '0')}-${two(month)}-${two(day)}`, year > 0 ? '' : ' BC'];
}

export function timeText(us: number): string {
  const seconds = Math.floor(us / 1_000_000);
  const clock = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60].map(two).join(':');
  return `${clock}.${String(us % 1_000_000).padStart(6, '0')}`;
}

export function dateText(days: number): string {
  if (days < FIRST_DAY || days > LAST_DATE) return fail('date out of range');
  return dateParts(days).join('');
}

/** @param us since 1970 */
export function timestampText(us: bigint, zone: '' | 'Z'): string {
  let days = us / DAY_US;
  if (us % DAY_US < 0n) days--;
  const day = Number(days);
  if (day < FIRST_DAY || day > LAST_TIMESTAMP) return fail('timestamp out of range');
  const [text, era] = dateParts(day);
  return `${text}T${timeText(Number(us - days * DAY_US))}${zone}${era}`;
}

const DATE = String.raw`(\d{4,7})-(\d{1,2})-(\d{1,2})`;
const TIME = String.raw`(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{0,30}))?)?`;
const ZONE = String.raw`(?: ?(Z|[+-]\d{1,2}(?::?\d{2}(?::?\d{2})?)?))?`;
const ERA = '(?: (AD|BC))?';
const TIME_ONLY = new RegExp(`^${TIME}$`);
const DATE_TIME = new RegExp(`^${DATE}(?:[T ]${TIME}${ZONE})?${ERA}$`, 'i');
const INFINITE = /^[+-]?infinity$/i;

/**
 * ISO 8601 text to canonical text; null when it is none. A zone is applied for timestamptz (none: UTC) and ignored for
 * timestamp. Throws `rule.failed` for a day or time that does not exist or is out of range.
 */
export function parseTemporal(text: string, kind: TemporalKind): string | null {
  const trimmed = trimSpace(text);
  if (kind !== 'time' && INFINITE.test(trimmed)) return trimmed.startsWith('-') ? '-infinity' : 'infinity';
  if (kind === 'time') {
    const match = TIME_ONLY.exec(trimmed);
    return match === null ? timeOfDateTime(trimmed) : timeText(timeOfDay(match.slice(1)));
  }
  if (kind === 'date') {
    const days = dayOf(trimmed);
    return days === null ? null : dateText(days);
  }
  const us = microseconds(trimmed, kind);
  return us === null ? null : timestampText(us, kind === 'timestamptz' ? 'Z' : '');
}

/** Of a text with a date before it, which must exist and is left out; a zone too. PostgreSQL reads no `T` there. */
function timeOfDateTime(text: string): string | null {
  const [, , , , hour, minute, second, fraction] = DATE_TIME.exec(text) ?? [];
  if (hour === undefined || /t/i.test(text)) return null;
  dayOf(text);
  return timeText(timeOfDay([hour, minute, second, fraction]));
}

/** A time of day may follow; it must exist, and is left out. */
function dayOf(text: string): number | null {
  const match = DATE_TIME.exec(text);
  if (match === null) return null;
  const [, year, month, day, hour, minute, second, fraction, zone, era] = match;
  if (hour !== undefined) timeOfDay([hour, minute, second, fraction]);
  if (zone !== undefined) zoneSeconds(zone);
  return dayNumber(year!, month!, day!, era);
}

function microseconds(text: string, kind: TemporalKind): bigint | null {
  const match = DATE_TIME.exec(text);
  if (match === null) return null;
  const [, year, month, day, hour, minute, second, fraction, zone, era] = match;
  const days = dayNumber(year!, month!, day!, era);
  const time = hour === undefined ? 0 : timeOfDay([hour, minute, second, fraction]);
  const offset = zone === undefined ? 0 : zoneSeconds(zone);
  return BigInt(days) * DAY_US + BigInt(time) - (kind === 'timestamptz' ? BigInt(offset) * 1_000_000n : 0n);
}

/** Does the text of a timestamp name a zone other than UTC, which a timestamp without zone cannot keep? */
export function namesOffset(text: string): boolean {
  const zone = DATE_TIME.exec(trimSpace(text))?.[8];
  return zone !== undefined && zoneSeconds(zone) !== 0;
}

function dayNumber(yearText: string, monthText: string, dayText: string, era: string | undefined): number {
  const written = Number(yearText);
  const year = era?.toUpperCase() === 'BC' ? 1 - written : written;
  const month = Number(monthText);
  const day = Number(dayText);
  const exists = written > 0 && month >= 1 && month <= 12 && day >= 1 && day <= daysInMonth(year, month);
  return exists ? daysOf(year, month, day) : fail('a date does not exist in the calendar');
}

/** Microseconds since midnight; `24:00:00` is the end of the day, a 60th second the start of the next minute. */
function timeOfDay([hour, minute, second = '0', fraction = '']: readonly (string | undefined)[]): number {
  const [h, m, s] = [Number(hour), Number(minute), Number(second)];
  const us = ((h * 60 + m) * 60 + s) * 1_000_000 + roundedFraction(fraction);
  const exists = m < 60 && s <= 60 && (h < 24 || (h === 24 && us === 86_400_000_000)) && us <= 86_400_000_000;
  return exists ? us : fail('a time of day does not exist');
}

/** Six digits; the seventh and later ones round half to even, as PostgreSQL's rint does. */
function roundedFraction(digits: string): number {
  return integerHalfEven(Number(`0.${digits || '0'}`) * 1_000_000);
}

function integerHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
}

function zoneSeconds(zone: string): number {
  if (/^z$/i.test(zone)) return 0;
  const [, sign, hours, minutes = '0', seconds = '0'] = /^([+-])(\d{1,2}):?(\d{2})?:?(\d{2})?$/.exec(zone)!;
  const [h, m, s] = [Number(hours), Number(minutes), Number(seconds)];
  if (h > 15 || m > 59 || s > 59) return fail('a time zone offset does not exist');
  return (sign === '-' ? -1 : 1) * (h * 3_600 + m * 60 + s);
}

/** Both of one kind, canonical. */
export function compareTemporal(a: string, b: string, kind: TemporalKind): number {
  if (a === b) return 0;
  const usual = USUAL_LENGTH[kind];
  if (a.length === usual && b.length === usual) return a < b ? -1 : 1;
  const x = ordinal(a, kind);
  const y = ordinal(b, kind);
  return x < y ? -1 : x > y ? 1 : 0;
}

function ordinal(text: string, kind: TemporalKind): bigint | number {
  if (text === 'infinity') return Number.POSITIVE_INFINITY;
  if (text === '-infinity') return Number.NEGATIVE_INFINITY;
  const us = kind === 'time' ? null : microseconds(text, kind);
  if (us !== null) return us;
  const match = TIME_ONLY.exec(text);
  return match === null ? fail('a column holds something that is not a date or time') : timeOfDay(match.slice(1));
}

/** A point in time in its parts; years before 1 are 0, -1 … */
export interface Moment {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  /** Since 1970-01-01. */
  readonly days: number;
  /** Since midnight, in microseconds. */
  readonly time: number;
}

/** Null for an infinite one. @param text canonical, not of a time of day */
export function momentOf(text: string): Moment | null {
  if (isInfinite(text)) return null;
  const us = microseconds(text, 'timestamp') ?? fail('a column holds something that is not a date or time');
  const rest = us % DAY_US;
  const days = Number(us / DAY_US) - (rest < 0n ? 1 : 0);
  const [year, month, day] = dateOfDays(days);
  return { year, month, day, days, time: Number(rest < 0n ? rest + DAY_US : rest) };
}

export function timestampOf(days: number, time: number, zone: '' | 'Z'): string {
  return timestampText(BigInt(days) * DAY_US + BigInt(time), zone);
}

/** @param text canonical; microseconds since midnight */
export function timeOf(text: string): number {
  const match = TIME_ONLY.exec(text) ?? fail('a column holds something that is not a time');
  return timeOfDay(match.slice(1));
}

export function isInfinite(text: string): boolean {
  return text.endsWith('infinity');
}

/** Midnight of the day. */
export function timestampOfDate(text: string, zone: '' | 'Z'): string {
  if (isInfinite(text)) return text;
  return timestampText(microseconds(text, 'timestamp')!, zone);
}

/** Throws `rule.failed` for text that is not canonical. */
export function dateOfTimestamp(text: string): string {
  if (isInfinite(text)) return text;
  const end = text.indexOf('T');
  if (end < 0) return fail('a column holds something that is not a timestamp');
  return text.slice(0, end) + (text.endsWith(' BC') ? ' BC' : '');
}

/** Null for an infinite timestamp, which has no time. */
export function timeOfTimestamp(text: string): string | null {
  if (isInfinite(text)) return null;
  const start = text.indexOf('T') + 1;
  return text.slice(start, start + USUAL_LENGTH.time);
}

export function withZone(text: string): string {
  if (isInfinite(text)) return text;
  return text.endsWith(' BC') ? `${text.slice(0, -3)}Z BC` : `${text}Z`;
}

export function withoutZone(text: string): string {
  return text.replace('Z', '');
}

/** Is there a time of day other than midnight? */
export function hasTime(text: string): boolean {
  return !isInfinite(text) && timeOfTimestamp(text) !== '00:00:00.000000';
}

/** As PostgreSQL writes it with DateStyle ISO in UTC: `2024-02-29 12:00:00.1`, `2024-02-29 12:00:00+00`. */
export function postgresText(text: string, kind: TemporalKind): string {
  if (kind === 'date' || isInfinite(text)) return text;
  const short = text.replace(/\.(\d*?)0+(?!\d)/, (_, digits: string) => (digits === '' ? '' : `.${digits}`));
  return short.replace('T', ' ').replace('Z', '+00');
}
