/** logfmt: `level=info msg="it \"works\"" cached`. A word without a value is `true`. */
import type { Reader } from './format.ts';

const PAIR = /\s*([^\s="]+)(?:=(?:"([^"\\]*(?:\\.[^"\\]*)*)"|([^\s"]*)))?(?=\s|$)/y;

/** Null for a text that has something else between its pairs, or no pair. */
export function logfmtReader(names: readonly string[]): Reader {
  return (text) => {
    const line = text.trimEnd();
    const found = new Map<string, string>();
    PAIR.lastIndex = 0;
    while (PAIR.lastIndex < line.length) {
      const match = PAIR.exec(line);
      if (match === null) return null;
      const [whole, key, inQuotes, bare] = match;
      const value = inQuotes === undefined ? (bare ?? (whole.includes('=') ? '' : 'true')) : unescaped(inQuotes);
      found.set(key!, value);
    }
    const isOne = [...found.keys()].length > 0 && line.includes('=');
    return isOne ? names.map((name) => found.get(name) ?? null) : null;
  };
}

const LETTERS: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' };
const unescaped = (text: string) => text.replaceAll(/\\(.)/g, (_, letter: string) => LETTERS[letter] ?? letter);
