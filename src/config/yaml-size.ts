/**
 * What a file may hold, looked at before it is parsed: the parser takes thousands of bytes and a good part of a millisecond for
 * a few signs, so that a file of no more than its allowed size could take hundreds of megabytes (Invariant 10).
 */
import { Lexer } from 'yaml';
import type { Range } from './source-text.ts';

/** Words, signs and spaces between them. A pipeline with 100 sinks has 4,000, 300 tests of one have 40,000. */
export const MAX_LEXEMES = 45_000;
/** Anchors, aliases and tags, which are refused one by one. */
const MAX_PROPERTIES = 100;
/** Levels opened on one line, or of braces and brackets: far above what is read. */
const MAX_OPEN = 100;

export interface TooMuch {
  readonly what: 'depth' | 'words' | 'properties';
  readonly range: Range;
}

/** The lexer's mark before the text of a plain scalar or a block. */
const SCALAR = '\u001f';

/** Null: it may be parsed. */
export function tooMuch(text: string): TooMuch | null {
  let [at, lexemes, properties, flow, line] = [0, 0, 0, 0, 0];
  let isScalar = false;
  for (const lexeme of new Lexer().lex(text)) {
    // Marks of the lexer's own have no place in the text.
    const isMark = lexeme === SCALAR || lexeme === '\u0002' || lexeme === '\u0018';
    const range: Range = [at, at + 1];
    if (lexeme === '[' || lexeme === '{') flow++;
    else if (lexeme === ']' || lexeme === '}') flow--;
    else if (lexeme === '\n' || lexeme === '\r\n') line = 0;
    else if (flow === 0 && (lexeme === '-' || lexeme === '?')) line++;
    if (flow > MAX_OPEN || line > MAX_OPEN) return { what: 'depth', range };
    if (++lexemes > MAX_LEXEMES) return { what: 'words', range };
    if (!isScalar && /^[*&!]/.test(lexeme) && ++properties > MAX_PROPERTIES) return { what: 'properties', range };
    isScalar = lexeme === SCALAR;
    if (!isMark) at += lexeme.length;
  }
  return null;
}
