/** Texts of dates and times, always with six digits of a second's fraction. Zero dates and parts stay what they are. */
import { putDigits } from './value-text.ts';

const DASH = 0x2d;
const COLON = 0x3a;
const POINT = 0x2e;
const LETTER_T = 0x54;
const LETTER_Z = 0x5a;
const DAY_SECONDS = 86_400;

export const two = (value: number): string => String(value).padStart(2, '0');

export function dateText(year: number, month: number, day: number): string {
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`;
}

export function datetimeText(
  date: string,
  between: string,
  hour: number,
  minute: number,
  second: number,
  micros: number,
): string {
  return `${date}${between}${timeText(false, hour, minute, second, micros)}`;
}

export function timeText(negative: boolean, hour: number, minute: number, second: number, micros: number): string {
  const fraction = String(micros).padStart(6, '0');
  return `${negative ? '-' : ''}${two(hour)}:${two(minute)}:${two(second)}.${fraction}`;
}

export function putDate(out: Buffer, at: number, year: number, month: number, day: number): number {
  putDigits(out, at, year, 4);
  out[at + 4] = DASH;
  putDigits(out, at + 5, month, 2);
  out[at + 7] = DASH;
  return putDigits(out, at + 8, day, 2);
}

/** Hours of a TIME may have three digits. */
export function putTime(out: Buffer, at: number, hour: number, minute: number, second: number, micros: number): number {
  let end = putDigits(out, at, hour, hour > 99 ? 3 : 2);
  out[end] = COLON;
  end = putDigits(out, end + 1, minute, 2);
  out[end] = COLON;
  end = putDigits(out, end + 1, second, 2);
  out[end] = POINT;
  return putDigits(out, end + 1, micros, 6);
}

export function putDatetime(
  out: Buffer,
  year: number,
  month: number,
  day: number,
  clock: number,
  micros: number,
): number {
  out[putDate(out, 0, year, month, day)] = LETTER_T;
  return putTime(out, 11, Math.floor(clock / 3600), Math.floor(clock / 60) % 60, clock % 60, micros);
}

/** Of a point in time; 0 without fraction is the zero date, which is what the server takes it for. */
export function putTimestamp(out: Buffer, seconds: number, micros: number): number {
  let end: number;
  if (seconds === 0 && micros === 0) end = putDatetime(out, 0, 0, 0, 0, 0);
  else {
    const days = Math.floor(seconds / DAY_SECONDS);
    const { year, month, day } = civilDate(days);
    end = putDatetime(out, year, month, day, seconds - days * DAY_SECONDS, micros);
  }
  out[end] = LETTER_Z;
  return end + 1;
}

let knownDays = Number.NaN;
let knownDate = { year: 0, month: 0, day: 0 };

/** Days since 1970 as a date; that of the last call is kept. */
function civilDate(days: number): { readonly year: number; readonly month: number; readonly day: number } {
  if (days !== knownDays) {
    const date = new Date(days * DAY_SECONDS * 1_000);
    knownDays = days;
    knownDate = { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() };
  }
  return knownDate;
}
