/** Cuts an expression into tokens. */
import type { Span } from './ast.ts';
import { problemAt, SyntaxProblem } from './problem.ts';

export interface Token extends Span {
  readonly kind: 'word' | 'quoted' | 'fact' | 'number' | 'string' | 'symbol' | 'end';
  /** Words in the case written; quoted names and strings without quotes; facts without the dollar sign. */
  readonly text: string;
}

const SPACE = /[ \t\r\n\f\v]+/y;
const WORD = /[\p{L}_][\p{L}\p{N}_$]*/uy;
const NUMBER = /(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y;
const SYMBOL = /--|<>|!=|<=|>=|\|\||::|==|&&|->>|->|#>>|#>|!~\*|!~|~\*|~|[-+*/%=<>(),.[\]!&|?:;{}^~@#\\]/y;

/** What other languages write → what to write here. */
const FOREIGN: Readonly<Record<string, string>> = {
  '==': 'write =',
  '&&': 'write and',
  '&': 'write and',
  '|': 'write or, or || to join text',
  '!': 'write not',
  '--': 'there are no comments here; write two signs as -(-x)',
  '?': 'write case when … then … else … end',
};

const KNOWN = new Set('<> != <= >= || :: = < > + - * / % ( ) , . -> ->> #> #>> ~ ~* !~ !~* [ ]'.split(' '));

/** Ends with one token of kind `end`. Throws `SyntaxProblem`. */
export function tokens(text: string): Token[] {
  const found: Token[] = [];
  let at = 0;
  while ((at = end(SPACE, text, at) ?? at) < text.length) {
    const token = next(text, at);
    found.push(token);
    at = token.end;
  }
  found.push({ kind: 'end', text: '', at: text.length, end: text.length });
  return found;
}

function end(pattern: RegExp, text: string, at: number): number | null {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : null;
}

function next(text: string, at: number): Token {
  const char = text[at]!;
  if (char === "'") return delimited(text, at, "'", 'string');
  if (char === '"') return delimited(text, at, '"', 'quoted');
  if (char === '$') return fact(text, at);
  const word = end(WORD, text, at);
  if (word !== null) return { kind: 'word', text: text.slice(at, word), at, end: word };
  const number = end(NUMBER, text, at);
  if (number !== null) return numberToken(text, at, number);
  const symbol = end(SYMBOL, text, at) ?? at + 1;
  const shown = text.slice(at, symbol);
  if (KNOWN.has(shown)) return { kind: 'symbol', text: shown, at, end: symbol };
  const fix = Object.hasOwn(FOREIGN, shown) ? FOREIGN[shown] : undefined;
  throw new SyntaxProblem(
    problemAt({ at, end: symbol }, 'expression-syntax', `"${shown}" has no meaning in an expression`, { fix }),
  );
}

function fact(text: string, at: number): Token {
  const after = end(WORD, text, at + 1);
  if (after !== null) return { kind: 'fact', text: text.slice(at + 1, after), at, end: after };
  throw new SyntaxProblem(
    problemAt({ at, end: at + 1 }, 'expression-syntax', 'a name must follow "$"', { fix: 'for example $op' }),
  );
}

function numberToken(text: string, at: number, after: number): Token {
  const glued = end(WORD, text, after);
  if (glued === null) return { kind: 'number', text: text.slice(at, after), at, end: after };
  const shown = text.slice(at, glued);
  throw new SyntaxProblem(
    problemAt({ at, end: glued }, 'expression-syntax', `"${shown}" is neither a number nor a name`, {
      fix: `a column of this name is written "${shown}", with the double quotes`,
    }),
  );
}

/** Text between quotes; a doubled quote stands for one. */
function delimited(text: string, at: number, quote: string, kind: 'string' | 'quoted'): Token {
  let value = '';
  for (let from = at + 1; ; ) {
    const close = text.indexOf(quote, from);
    if (close < 0) {
      const what = kind === 'string' ? 'text is' : 'a column name is';
      throw new SyntaxProblem(
        problemAt({ at, end: text.length }, 'expression-syntax', `${what} not closed with ${quote}`),
      );
    }
    value += text.slice(from, close);
    if (text[close + 1] !== quote) return { kind, text: value, at, end: close + 1 };
    value += quote;
    from = close + 2;
  }
}
