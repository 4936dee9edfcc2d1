/** From an offset in a scalar's content back to the offset in the file. */
import type { ScalarNode } from './tree.ts';

const ESCAPE_LENGTH: Record<string, number> = { x: 2, u: 4, U: 8 };

/**
 * Offset in the file of character `offset` of the node's `text`. Folding and indentation only touch white space, so the
 * other characters of content and file are walked side by side; for white space that folding made, the place is near.
 */
export function sourceOffset(source: string, node: ScalarNode, offset: number): number {
  const [from, to] = node.range;
  if (node.style === 'plain' && to - from === node.text.length) return from + Math.min(offset, node.text.length);
  let at = contentStart(source, node);
  for (let i = 0; i < node.text.length && at < to; i++) {
    const char = node.text[i]!;
    if (node.style === 'double') at = afterEscapedLineEnds(source, at);
    if (!isSpace(char)) while (at < to && isSpace(source[at]!)) at++;
    const escaped = node.style === 'double' && source[at] === '\\' ? escapeLength(source, at) : 0;
    if (i >= offset) return at;
    if (escaped > 0) {
      at += escaped;
      // One escape may stand for a pair of code units.
      if (isHighSurrogate(char) && source[at] !== '\\') i++;
    } else if (isSpace(char)) at += isSpace(source[at] ?? '') ? 1 : 0;
    else at += node.style === 'single' && char === "'" ? 2 : 1;
  }
  return Math.min(at, to);
}

function contentStart(source: string, { style, range: [from, to] }: ScalarNode): number {
  if (style === 'plain') return from;
  if (style !== 'block') return from + 1;
  const newline = source.indexOf('\n', from);
  return newline === -1 || newline > to ? to : newline + 1;
}

/** A backslash at the end of a line joins it with the next one, whose indentation does not count. */
function afterEscapedLineEnds(source: string, start: number): number {
  let at = start;
  while (source[at] === '\\' && /[\r\n]/.test(source[at + 1] ?? '')) {
    at++;
    while (isSpace(source[at] ?? '')) at++;
  }
  return at;
}

/** Length of the escape that starts at the backslash. */
function escapeLength(source: string, at: number): number {
  const char = source[at + 1] ?? '';
  return 2 + (ESCAPE_LENGTH[char] ?? 0);
}

function isSpace(char: string): boolean {
  return char === ' ' || char === '\t' || char === '\n' || char === '\r';
}

function isHighSurrogate(char: string): boolean {
  const code = char.charCodeAt(0);
  return code >= 0xd800 && code < 0xdc00;
}
