/** Splits JSON text without converting what is in it, so that every value stays as it is written (Invariant 9). */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Members of an object by name, each with the text of its value. `text` is valid JSON and an object. */
export function jsonMembers(text: string): Map<string, string> {
  const members = new Map<string, string>();
  let at = skipSpace(text, text.indexOf('{') + 1);
  while (text[at] !== '}') {
    const nameEnd = endOfValue(text, at);
    const name = JSON.parse(text.slice(at, nameEnd)) as string;
    const from = skipSpace(text, skipSpace(text, nameEnd) + 1);
    const to = endOfValue(text, from);
    members.set(name, text.slice(from, to));
    at = afterComma(text, to);
  }
  return members;
}

/** Texts of the elements of an array. `text` is valid JSON and an array. */
export function jsonElements(text: string): string[] {
  const elements: string[] = [];
  let at = skipSpace(text, text.indexOf('[') + 1);
  while (text[at] !== ']') {
    const to = endOfValue(text, at);
    elements.push(text.slice(at, to));
    at = afterComma(text, to);
  }
  return elements;
}

/** Members of a stored document; undefined when there is none or it is not a JSON object. */
export function documentMembers(text: string | null | undefined): ReadonlyMap<string, string> | undefined {
  if (text === null || text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  } catch {
    return undefined;
  }
  return jsonMembers(text);
}

function afterComma(text: string, at: number): number {
  const next = skipSpace(text, at);
  return text[next] === ',' ? skipSpace(text, next + 1) : next;
}

function skipSpace(text: string, at: number): number {
  let next = at;
  while (text.charCodeAt(next) <= 0x20) next++;
  return next;
}

/** One past the last character of the value that starts at `at`. */
function endOfValue(text: string, at: number): number {
  const first = text[at];
  if (first === '"') return endOfString(text, at);
  if (first !== '{' && first !== '[') {
    let end = at;
    while (end < text.length && !/[\s,\]}]/.test(text[end]!)) end++;
    return end;
  }
  let depth = 0;
  for (let i = at; ; i++) {
    const c = text[i];
    if (c === '"') i = endOfString(text, i) - 1;
    else if (c === '{' || c === '[') depth++;
    else if ((c === '}' || c === ']') && --depth === 0) return i + 1;
  }
}

function endOfString(text: string, at: number): number {
  for (let i = at + 1; ; i++) {
    const c = text.charCodeAt(i);
    if (c === BACKSLASH) i++;
    else if (c === QUOTE) return i + 1;
  }
}
