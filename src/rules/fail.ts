/** A value that a rule cannot compute. */
import { TailraceError } from '../contracts/errors.ts';

/**
 * Thrown while a rule runs; the transform adds which rule it was. Invariant 12: the message never holds row values.
 */
export function fail(message: string, remedy?: string): never {
  throw ruleFailed(message, remedy);
}

export function ruleFailed(message: string, remedy?: string): TailraceError {
  return new TailraceError('rule.failed', message, remedy === undefined ? {} : { remedy });
}
