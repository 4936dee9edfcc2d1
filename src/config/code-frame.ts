/** The lines of a file around a problem, with the place marked. */
import { printable } from '../lib/printable.ts';
import type { Range, SourceText } from './source-text.ts';

const MAX_WIDTH = 120;
const TAB = '    ';
const NEAR = 1_000;

/**
 * The line before (when there is one), the line, and a line of carets with `note` behind it:
 *
 *        18 |     from: products
 *      > 19 |     indx: products
 *           |     ^^^^ did you mean "index"?
 *
 * Hidden ranges are shown as `***` (Invariant 12).
 */
export function codeFrame(source: SourceText, range: Range, hidden: readonly Range[], note: string): string[] {
  const { line } = source.position(range[0]);
  const width = String(line).length;
  const shown = new ShownLine(source, line, hidden, range[0]);
  const from = shown.column(range[0]);
  const to = Math.max(from + 1, shown.column(Math.min(range[1], source.lineRange(line)[1])));
  const cut = shown.text.length > MAX_WIDTH ? Math.max(0, Math.min(from - 40, shown.text.length - MAX_WIDTH)) : 0;
  const isCut = cut > 0 || range[0] - NEAR > source.lineRange(line)[0];
  const body = `${isCut ? '…' : ''}${shown.text.slice(cut, cut + MAX_WIDTH)}`;
  const indent = from - cut + (isCut ? 1 : 0);
  const carets = '^'.repeat(Math.min(to - from, Math.max(1, body.length - indent)));
  const lines = line > 1 ? [`   ${String(line - 1).padStart(width)} | ${lineBefore(source, line - 1, hidden)}`] : [];
  lines.push(` > ${line} | ${body}`, `   ${' '.repeat(width)} | ${' '.repeat(indent)}${carets} ${note}`);
  return lines.map((text) => text.trimEnd());
}

function lineBefore(source: SourceText, line: number, hidden: readonly Range[]): string {
  const { text } = new ShownLine(source, line, hidden, source.lineRange(line)[0]);
  return text.length > MAX_WIDTH ? `${text.slice(0, MAX_WIDTH)}…` : text;
}

/** One line as it is shown: secrets masked, tabs as spaces, control characters visible. */
class ShownLine {
  readonly text: string;
  /** Offset in the file → column (from 0) in `text`, for each offset of the line. */
  readonly #columns: readonly number[];
  readonly #start: number;

  /** @param around of a line that is very long, only what is near this offset. */
  constructor(source: SourceText, line: number, hidden: readonly Range[], around: number) {
    const whole = source.lineRange(line);
    const start = Math.max(whole[0], around - NEAR);
    const end = Math.min(whole[1], around + NEAR);
    const inLine = hidden.filter(([from, to]) => from < end && start < to);
    let text = '';
    const columns: number[] = [];
    let masked: Range | undefined;
    for (let at = start; at < end; at++) {
      if (masked !== undefined && at >= masked[1]) masked = undefined;
      const inside = inLine.find(([from, to]) => from <= at && at < to);
      if (inside !== undefined && masked === undefined) {
        masked = inside;
        columns.push(text.length);
        text += '***';
      } else if (inside !== undefined) {
        columns.push(text.length - 1);
      } else {
        columns.push(text.length);
        const char = source.text[at]!;
        text += char === '\t' ? TAB : printable(char);
      }
    }
    columns.push(text.length);
    this.text = text;
    this.#columns = columns;
    this.#start = start;
  }

  column(offset: number): number {
    return this.#columns[Math.max(0, Math.min(offset - this.#start, this.#columns.length - 1))]!;
  }
}
