/** Mends what lint is sure of: words that have one near right spelling, and values that need quotes. */
import { nearest } from '../lib/did-you-mean.ts';
import type { PlacedProblem } from './config-file.ts';

/** @returns the text with every sure fix applied, and how many; comments and layout stay */
export function fixedText(
  text: string,
  problems: readonly PlacedProblem[],
): { readonly text: string; readonly count: number } {
  const starts = lineStarts(text);
  const edits = problems.flatMap((problem) => {
    const at = (starts[problem.line - 1] ?? 0) + problem.column - 1;
    return editOf(text, at, problem) ?? [];
  });
  // From the end on, so that the places before stay right; what overlaps waits for the next time.
  edits.sort((a, b) => b.from - a.from);
  let fixed = text;
  let count = 0;
  let next = Number.POSITIVE_INFINITY;
  for (const { from, to, written } of edits) {
    if (to > next) continue;
    fixed = `${fixed.slice(0, from)}${written}${fixed.slice(to)}`;
    next = from;
    count++;
  }
  return { text: fixed, count };
}

interface Edit {
  readonly from: number;
  readonly to: number;
  readonly written: string;
}

function editOf(text: string, at: number, { code, fix = '' }: PlacedProblem): Edit | null {
  const [, word] = /^did you mean "(.+)"\?$/.exec(fix) ?? [];
  if (word !== undefined) {
    const [quote = '', found = ''] = /^(["']?)([^\s"':,{}[\]()]+)/.exec(text.slice(at))?.slice(1) ?? [];
    const from = at + quote.length;
    return nearest(found, [word]) === word ? { from, to: from + found.length, written: word } : null;
  }
  const [, quoted] = code === 'yaml-quote' ? (/^write (["'].*["'])$/.exec(fix) ?? []) : [];
  if (quoted === undefined) return null;
  const plain = quoted.startsWith('"')
    ? quoted.slice(1, -1).replaceAll('\\\\', '\\')
    : quoted.slice(1, -1).replaceAll("''", "'");
  return text.startsWith(plain, at) ? { from: at, to: at + plain.length, written: quoted } : null;
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}
