/** Errors as the command line shows them. Never their `detail`, nor the text of unknown errors (Invariant 12). */
import { errorWords, TailraceError } from '../contracts/errors.ts';
import { printable } from '../lib/printable.ts';
import type { Style } from './style.ts';

export function errorText(error: unknown, { paint, signs }: Style): string {
  const { code, message, remedy } = errorWords(error);
  const places = error instanceof TailraceError ? '' : stackPlaces(error);
  const next = remedy === null ? '' : `  ${signs.arrow} ${printable(remedy)}\n`;
  return `${places}${paint('red', 'error')}  ${code}  ${printable(message)}\n${next}`;
}

/** Where an unknown error was thrown, without its message, which may hold a row's values (Invariant 12). */
export function stackPlaces(error: unknown): string {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  const places = stack.split('\n').filter((line) => /^\s+at /.test(line));
  return places.map((line) => `${printable(line)}\n`).join('');
}
