/** Problems as text for a terminal, in the format of compilers: `file:line:col  level  code  message` and the lines around. */
import type { PlacedProblem } from './config-file.ts';

/** Paints a level's words; identity without colours. */
export type Paint = (level: PlacedProblem['level'], text: string) => string;

export function problemText(problem: PlacedProblem, paint: Paint = (_, text) => text): string {
  const { file, line, column, level, code, message, frame, fix } = problem;
  const head = `${file}:${line}:${column}  ${paint(level, level)}  ${code}  ${message}`;
  const body = frame.length > 0 ? frame : fix === undefined ? [] : [`   ${fix}`];
  return `${[head, ...body].join('\n')}\n`;
}

/** `2 errors and 1 warning in 1 of 3 files`. */
export function problemSummary(problems: readonly PlacedProblem[], files: number): string {
  const count = (level: PlacedProblem['level'], word: string) => {
    const n = problems.filter((problem) => problem.level === level).length;
    return n === 0 ? [] : [`${n} ${word}${n === 1 ? '' : 's'}`];
  };
  const words = [...count('error', 'error'), ...count('warning', 'warning')];
  const all = `${files} file${files === 1 ? '' : 's'}`;
  if (words.length === 0) return `no problems in ${all}`;
  const affected = new Set(problems.map(({ file }) => file)).size;
  return `${words.join(' and ')} in ${affected} of ${all}`;
}
