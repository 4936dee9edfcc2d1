/**
 * `like`: `%` stands for any text, `_` for one character, the escape character takes the next one literally.
 *
 * The pattern is cut at its `%` into pieces. The first and last piece must stand at the ends; each one between is looked for
 * after the one before and the first place is taken: a later place can only leave less room. So there is no backtracking:
 * time grows with text × longest piece, never with their power.
 */
import { fail } from '../fail.ts';
import { isPair } from '../values/text.ts';

/** Characters that must follow each other; null stands for any one character. */
interface Piece {
  readonly characters: readonly (string | null)[];
  /** The characters as text when none is free: then the engine's own search finds it. */
  readonly text: string | null;
  /** Shortest text it can stand in, in UTF-16 units. */
  readonly units: number;
}

export type Matcher = (text: string) => boolean;

/** @param escapeCharacter one character, or empty for none. Throws `rule.failed` for a pattern that ends with it. */
export function likeMatcher(pattern: string, escapeCharacter: string): Matcher {
  const pieces = piecesOf(pattern, escapeCharacter);
  const [first] = pieces;
  if (pieces.length === 1) return (text) => matchAt(text, first!, 0) === text.length;
  const last = pieces.at(-1)!;
  const middle = pieces.slice(1, -1).filter(({ characters }) => characters.length > 0);
  return (text) => {
    let at = matchAt(text, first!, 0);
    for (const piece of middle) {
      if (at < 0) return false;
      at = find(text, piece, at);
    }
    return at >= 0 && endsWith(text, last, at);
  };
}

function piecesOf(pattern: string, escapeCharacter: string): Piece[] {
  const pieces: (string | null)[][] = [[]];
  for (let i = 0; i < pattern.length; ) {
    let character = characterAt(pattern, i);
    i += character.length;
    if (character === escapeCharacter) {
      if (i >= pattern.length) return fail('a pattern of "like" ends with its escape character');
      character = characterAt(pattern, i);
      i += character.length;
      pieces.at(-1)!.push(character);
    } else if (character === '%') pieces.push([]);
    else pieces.at(-1)!.push(character === '_' ? null : character);
  }
  return pieces.map((characters) => ({
    characters,
    text: characters.includes(null) ? null : characters.join(''),
    units: characters.reduce((sum, character) => sum + (character?.length ?? 1), 0),
  }));
}

function characterAt(text: string, i: number): string {
  return text.slice(i, i + (isPair(text, i) ? 2 : 1));
}

/** End of the piece when it stands at `at`, else -1. */
function matchAt(text: string, { characters, text: literal }: Piece, at: number): number {
  if (literal !== null) return text.startsWith(literal, at) ? at + literal.length : -1;
  let next = at;
  for (const character of characters) {
    if (next >= text.length) return -1;
    if (character === null) next += isPair(text, next) ? 2 : 1;
    else if (text.startsWith(character, next)) next += character.length;
    else return -1;
  }
  return next;
}

/** End of the first place at or after `from`, else -1. */
function find(text: string, piece: Piece, from: number): number {
  if (piece.text !== null) {
    const found = text.indexOf(piece.text, from);
    return found < 0 ? -1 : found + piece.text.length;
  }
  for (let at = from; at + piece.units <= text.length; at += isPair(text, at) ? 2 : 1) {
    const end = matchAt(text, piece, at);
    if (end >= 0) return end;
  }
  return -1;
}

function endsWith(text: string, piece: Piece, from: number): boolean {
  if (piece.text !== null) return text.length - piece.text.length >= from && text.endsWith(piece.text);
  let at = text.length;
  for (let taken = 0; taken < piece.characters.length; taken++) at -= at >= 2 && isPair(text, at - 2) ? 2 : 1;
  return at >= from && matchAt(text, piece, at) === text.length;
}
