/**
 * PostgreSQL's text of an array → JSON text (manual, 8.15.6 Array Input and Output Syntax).
 *
 *   {1,2,NULL}   {{"a b",c},{"d\"e",NULL}}   [2:3]={x,y}
 *
 * Bounds other than 1 (`[2:3]=`) have no place in a JSON array and are left out; the elements are all there.
 */
import { isUtf8 } from 'node:buffer';
import { type Kind, TailraceError } from '../../src/sdk/index.ts';
import { elementText } from './column-text.ts';

const OPEN = 0x7b;
const CLOSE = 0x7d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const EQUALS = 0x3d;
/** PostgreSQL's MAXDIM is 6. */
const MAX_DEPTH = 6;

/** Throws `source.unsupported` for text that is no array. */
export function arrayJson(text: Buffer, element: Kind, delimiter: number): Buffer {
  const start = text[0] === OPEN ? 0 : text.indexOf(EQUALS) + 1;
  const parts: string[] = [];
  const end = readArray(text, start, element, delimiter, parts, 1);
  if (end !== text.length) throw malformed();
  return Buffer.from(parts.join(''));
}

function readArray(
  text: Buffer,
  start: number,
  element: Kind,
  delimiter: number,
  parts: string[],
  depth: number,
): number {
  if (text[start] !== OPEN || depth > MAX_DEPTH) throw malformed();
  let at = start + 1;
  parts.push('[');
  if (text[at] === CLOSE) {
    parts.push(']');
    return at + 1;
  }
  for (;;) {
    if (text[at] === OPEN) at = readArray(text, at, element, delimiter, parts, depth + 1);
    else at = readElement(text, at, element, delimiter, parts);
    const next = text[at++];
    if (next === CLOSE) break;
    if (next !== delimiter) throw malformed();
    parts.push(',');
  }
  parts.push(']');
  return at;
}

function readElement(text: Buffer, start: number, element: Kind, delimiter: number, parts: string[]): number {
  if (text[start] !== QUOTE) {
    let end = start;
    while (end < text.length && text[end] !== delimiter && text[end] !== CLOSE) end++;
    const bytes = text.subarray(start, end);
    parts.push(bytes.length === 4 && bytes.toString('latin1') === 'NULL' ? 'null' : elementJson(bytes, element));
    return end;
  }
  const bytes = Buffer.allocUnsafe(text.length - start);
  let length = 0;
  let at = start + 1;
  for (; text[at] !== QUOTE; at++) {
    if (text[at] === BACKSLASH) at++;
    if (at >= text.length) throw malformed();
    bytes[length++] = text[at]!;
  }
  parts.push(elementJson(bytes.subarray(0, length), element));
  return at + 1;
}

function elementJson(bytes: Buffer, kind: Kind): string {
  const text = elementText(kind, bytes);
  switch (kind) {
    case 'bool':
    case 'int16':
    case 'int32':
    case 'int64':
      return text.toString('latin1');
    case 'float32':
    case 'float64': {
      const number = text.toString('latin1');
      return /^[-\d]/.test(number) && number !== '-Infinity' ? number : JSON.stringify(number);
    }
    default:
      return isUtf8(text) ? JSON.stringify(text.toString()) : JSON.stringify({ $bytes: text.toString('base64') });
  }
}

function malformed(): TailraceError {
  return new TailraceError('source.unsupported', 'the server sent an array whose text cannot be read');
}
