/** Tokens, taken one after the other. */
import { didYouMean } from '../../lib/did-you-mean.ts';
import { quoted } from '../../lib/printable.ts';
import type { Token } from './lexer.ts';
import { problemAt, SyntaxProblem } from './problem.ts';

/** Words that name no column unless in double quotes. */
const KEYWORDS =
  'and or not is null true false in like ilike between case when then else end distinct from as escape unknown'.split(
    ' ',
  );

export class TokenStream {
  readonly #tokens: readonly Token[];
  /** Index of the token that comes next: may be set back. */
  protected next = 0;

  constructor(found: readonly Token[]) {
    this.#tokens = found;
  }

  protected get peek(): Token {
    return this.#tokens[this.next]!;
  }

  /** The token after that. */
  protected get following(): Token {
    return this.#tokens[this.next + 1] ?? this.#tokens.at(-1)!;
  }

  /** The keyword that comes next, lower case; null when none does. */
  protected get keyword(): string | null {
    const { kind, text } = this.peek;
    const word = text.toLowerCase();
    return kind === 'word' && KEYWORDS.includes(word) ? word : null;
  }

  protected take(): Token {
    return this.#tokens[this.next++]!;
  }

  protected takeKeyword(word: string): boolean {
    if (this.keyword !== word) return false;
    this.next++;
    return true;
  }

  protected takeSymbol(symbol: string): boolean {
    const { kind, text } = this.peek;
    if (kind !== 'symbol' || text !== symbol) return false;
    this.next++;
    return true;
  }

  protected expectKeyword(word: string): void {
    if (!this.takeKeyword(word)) this.unexpected(`"${word}"`, [word]);
  }

  protected expectSymbol(symbol: string): Token {
    if (!this.takeSymbol(symbol)) this.unexpected(`"${symbol}"`);
    return this.#tokens[this.next - 1]!;
  }

  /** @param words keywords that could stand here */
  protected unexpected(wanted: string, words: readonly string[] = []): never {
    const token = this.peek;
    if (token.kind === 'end') {
      throw new SyntaxProblem(problemAt(token, 'expression-syntax', `the expression ends where ${wanted} must follow`));
    }
    const fix = token.kind === 'word' ? didYouMean(token.text, words) : undefined;
    const shown = token.kind === 'string' ? 'a text' : quoted(token.text);
    throw new SyntaxProblem(
      problemAt(token, 'expression-syntax', `${shown} stands where ${wanted} must follow`, { fix }),
    );
  }

  /** End of the token taken last. */
  protected get end(): number {
    return this.#tokens[this.next - 1]!.end;
  }
}
