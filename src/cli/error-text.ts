/** Errors as the command line shows them. Never their `detail`, nor the text of unknown errors (Invariant 12). */
import { type ErrorCode, errorCatalogue, TailraceError } from '../contracts/errors.ts';
import { printable } from '../lib/printable.ts';
import type { Style } from './style.ts';

export interface ErrorWords {
  readonly code: string;
  readonly message: string;
  readonly remedy: string | null;
}

/** The error that an instance told of. @param otherwise the code of one that this version does not know */
export function toldError({ code, message, remedy }: ErrorWords, otherwise: ErrorCode): TailraceError {
  const known = errorCatalogue().some((entry) => entry.code === code);
  return new TailraceError(known ? (code as ErrorCode) : otherwise, message, remedy === null ? {} : { remedy });
}

export function errorWords(error: unknown): ErrorWords {
  if (error instanceof TailraceError) {
    return { code: error.code, message: error.message, remedy: error.remedy ?? null };
  }
  const name = error instanceof Error ? error.name : typeof error;
  const remedy = 'this is a bug; please report it with the lines above';
  return { code: 'internal.bug', message: `unexpected ${name}`, remedy };
}

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
