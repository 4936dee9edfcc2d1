/** Text as PostgreSQL's functions see it: a sequence of Unicode code points, in JavaScript strings of UTF-16 units. */

/**
 * By code point, as PostgreSQL's `C` collation. UTF-16 units sort the same except that surrogates (of code points above
 * U+FFFF) must come after U+E000..U+FFFF.
 */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return codePointRank(x) - codePointRank(y);
  }
  return a.length - b.length;
}

function codePointRank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/** Number of code points. */
export function codePointCount(text: string): number {
  let count = text.length;
  for (let i = 0; i < text.length; i++) {
    if (isPair(text, i)) {
      count--;
      i++;
    }
  }
  return count;
}

/** Is the code point at `i` made of two units? */
export function isPair(text: string, i: number): boolean {
  const unit = text.charCodeAt(i);
  if (unit < 0xd800 || unit >= 0xdc00) return false;
  const next = text.charCodeAt(i + 1);
  return next >= 0xdc00 && next < 0xe000;
}

/** Index of the unit at which the code point after `count` others begins; the length of the text when there are fewer. */
export function unitOfCodePoint(text: string, count: number): number {
  let at = 0;
  for (let taken = 0; taken < count && at < text.length; taken++) at += isPair(text, at) ? 2 : 1;
  return at;
}

/** The first `count` code points. */
export function firstCodePoints(text: string, count: number): string {
  if (text.length <= count) return text;
  let end = 0;
  for (let taken = 0; taken < count && end < text.length; taken++) end += isPair(text, end) ? 2 : 1;
  return text.slice(0, end);
}

/** The last `count` code points. */
export function lastCodePoints(text: string, count: number): string {
  if (text.length <= count) return text;
  let start = text.length;
  for (let taken = 0; taken < count && start > 0; taken++) start -= start >= 2 && isPair(text, start - 2) ? 2 : 1;
  return text.slice(start);
}

/** Without ASCII white space at both ends, as PostgreSQL reads numbers and dates. */
export function trimSpace(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isSpace(text.charCodeAt(start))) start++;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--;
  return start === 0 && end === text.length ? text : text.slice(start, end);
}

function isSpace(unit: number): boolean {
  return unit === 0x20 || (unit >= 0x09 && unit <= 0x0d);
}

/** Without the blanks at the end that `character(n)` pads with. */
export function trimPadding(text: string): string {
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === 0x20) end--;
  return end === text.length ? text : text.slice(0, end);
}

export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}

export function hexOfBytes(bytes: Uint8Array): string {
  return `\\x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')}`;
}

/** The text forms of `bytea`: hexadecimal `\x0aff`, or text with `\\` and octal `\ooo`. Null for anything else. */
export function parseBytes(text: string): Uint8Array | null {
  if (text.startsWith('\\x')) {
    // Blanks may stand between bytes, not within them.
    if (!/^(?:[ \n\t\r]*[0-9a-fA-F]{2})*[ \n\t\r]*$/.test(text.slice(2))) return null;
    return Buffer.from(text.slice(2).replaceAll(/[ \n\t\r]/g, ''), 'hex');
  }
  if (!/^(?:[^\\]|\\\\|\\[0-3][0-7]{2})*$/.test(text)) return null;
  const parts = text.split(/(\\\\|\\[0-7]{3})/).map((part, i) => {
    if (i % 2 === 0) return Buffer.from(part);
    return part === '\\\\' ? Buffer.from('\\') : Buffer.from([Number.parseInt(part.slice(1), 8)]);
  });
  return Buffer.concat(parts);
}

/** The canonical form: lower case, 8-4-4-4-12. Braces and missing hyphens are read as PostgreSQL reads them. */
export function parseUuid(text: string): string | null {
  const match = /^(\{?)([0-9a-fA-F]{4}(?:-?[0-9a-fA-F]{4}){7})(\}?)$/.exec(text);
  if (match === null || (match[1] === '{') !== (match[3] === '}')) return null;
  const hex = match[2]!.replaceAll('-', '').toLowerCase();
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
