/** Text from files, servers and file names, made safe to show on a terminal. */

/** Control characters, line separators and marks that reorder text. Tab and line feed are the caller's business. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g;

/** One line without anything that moves the cursor, changes colours or reorders letters: such characters as `\xNN`, `\uNNNN`. */
export function printable(text: string): string {
  return text.replace(UNSAFE, (char) => {
    const code = char.charCodeAt(0);
    if (char === '\n') return '\\n';
    if (char === '\t') return '\\t';
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}

/** A name in double quotes, printable, its middle left out when it is longer than `max` characters. */
export function quoted(name: string, max = 60): string {
  const shown = name.length <= max ? name : `${name.slice(0, max - 10)}…${name.slice(-9)}`;
  return `"${printable(shown)}"`;
}
