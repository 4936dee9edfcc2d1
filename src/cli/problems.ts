import type { PlacedProblem } from '../config/index.ts';
import { TailraceError } from '../contracts/errors.ts';

/** For a command that cannot go on with a file that has problems, and does not list them all. */
export function problemsError(problems: readonly PlacedProblem[]): TailraceError {
  const { file, line, column, message, fix } = problems[0]!;
  const more = problems.length === 1 ? '' : ` (and ${problems.length - 1} more)`;
  return new TailraceError('config.invalid', `${file}:${line}:${column}  ${message}${more}`, {
    remedy: fix ?? 'tailrace lint shows every problem',
  });
}
