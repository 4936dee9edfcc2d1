/** The text of one file, and where in it an offset stands. */

/** From (included) to (excluded), in UTF-16 code units from the start of the text. */
export type Range = readonly [from: number, to: number];

/** Both from 1; columns in UTF-16 code units, as editors count them. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export class SourceText {
  /** As shown to the user. */
  readonly file: string;
  readonly text: string;
  readonly #starts: readonly number[];

  constructor(file: string, text: string) {
    this.file = file;
    this.text = text;
    const starts = [0];
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
    this.#starts = starts;
  }

  get lines(): number {
    return this.#starts.length;
  }

  position(offset: number): Position {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.#starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - this.#starts[low]! + 1 };
  }

  /** Where line `line` (from 1) stands, without its line end. */
  lineRange(line: number): Range {
    const from = this.#starts[line - 1] ?? this.text.length;
    const next = this.#starts[line];
    let to = next === undefined ? this.text.length : next - 1;
    if (to > from && this.text[to - 1] === '\r') to--;
    return [from, to];
  }
}

/** What stands behind a `#` that may begin a comment is gone, in quotes and blocks of text too. */
export function withoutComments(text: string): string {
  return text.replace(/(^|[ \t])#.*$/gm, '$1#');
}
