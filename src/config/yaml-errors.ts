/** Errors of the YAML parser in the words of someone who writes pipeline files. */
import type { YAMLError } from 'yaml';
import type { Range } from './source-text.ts';

export interface YamlComplaint {
  readonly code: string;
  readonly message: string;
  readonly fix?: string;
  readonly range: Range;
  /** The mistake is in one value, which stands at `range`: with another value there the rest is read rightly. */
  readonly inValue?: true;
}

type Words = Omit<YamlComplaint, 'range'> & { readonly range?: Range };

export function explainYamlError(text: string, error: YAMLError): YamlComplaint {
  const [from, to] = error.pos;
  return { range: [from, Math.max(to, from + 1)], ...explain(text, error) };
}

function explain(text: string, error: YAMLError): Words {
  switch (error.code) {
    case 'TAB_AS_INDENT':
      return { code: 'yaml-tab', message: 'a tab cannot indent a line', fix: 'use spaces' };
    case 'MULTIPLE_DOCS':
      return {
        code: 'yaml-documents',
        message: 'one file is one pipeline',
        fix: 'put what follows "---" into its own file',
      };
    case 'NON_STRING_KEY':
      return { code: 'yaml-key', message: 'a key must be a word', fix: 'write key: value' };
    case 'MULTILINE_IMPLICIT_KEY':
    case 'MISSING_CHAR':
      return missing(text, error);
    case 'BAD_INDENT':
      return indentation(text, error);
    default:
      return unquoted(text, error) ?? { code: 'yaml-syntax', message: lowerFirst(error.message) };
  }
}

function missing(text: string, { message, pos: [from] }: YAMLError): Words {
  const quote = /Missing closing (['"])/.exec(message)?.[1];
  if (quote !== undefined) {
    // It reaches to the end of the file, so no other quote of its kind follows it.
    const open = text.lastIndexOf(quote);
    const range: Range = [open, endOfLine(text, open)];
    return { code: 'yaml-syntax', message: 'a quote is not closed', fix: 'end the text with the same quote', range };
  }
  const line = text.slice(startOfLine(text, from), endOfLine(text, from)).trim();
  if (/^[^\s:]+:\S/.test(line)) {
    const [key = '', ...rest] = line.split(':');
    return { code: 'yaml-syntax', message: 'a key needs ": " with a space', fix: `write ${key}: ${rest.join(':')}` };
  }
  return { code: 'yaml-syntax', message: 'this is neither "key: value" nor a list item', fix: 'write key: value' };
}

function indentation(text: string, { message, pos }: YAMLError): Words {
  const code = 'yaml-indent';
  if (/^Flow/.test(message)) {
    const close = message.includes('sequence') ? ']' : '}';
    return { code, message: `the "${close}" that closes the one before is missing`, fix: `add "${close}"` };
  }
  let at = pos[0];
  while (text[at] === ' ') at++;
  const column = at - startOfLine(text, at) + 1;
  const words = `this line starts in column ${column}, its neighbours do not`;
  return { code, message: words, fix: 'indent it like them', range: [at, at + 1] };
}

/** Values that mean something else to YAML unless they are in quotes. */
function unquoted(text: string, error: YAMLError): Words | null {
  const [from, to] = error.pos;
  switch (error.code) {
    case 'BAD_SCALAR_START':
      return toQuote(text, `a value cannot start with "${text[from]}" unless it is in quotes`, restOfLine(text, from));
    case 'BAD_ALIAS':
      return toQuote(text, 'a value that starts with "*" needs quotes', restOfLine(text, from));
    case 'BLOCK_AS_IMPLICIT_KEY':
      return toQuote(text, 'a value that holds ": " needs quotes', restOfLine(text, from));
    case 'BLOCK_IN_FLOW':
      return toQuote(text, 'inside { } a value that holds ":" needs quotes', [
        from,
        from + text.slice(from, to).trimEnd().length,
      ]);
    case 'UNEXPECTED_TOKEN':
      return text[from] === '{' && text[from - 1] === '$' ? variableInBraces(text, from - 1) : afterValue(text, from);
    default:
      return null;
  }
}

function variableInBraces(text: string, from: number): Words {
  const close = text.indexOf('}', from);
  const end = close === -1 ? endOfLine(text, from) : close + 1;
  return toQuote(text, 'inside { } a variable needs quotes', [from, end]);
}

const BEGINNINGS: Readonly<Record<string, string>> = {
  '{': 'a map',
  '[': 'a list',
  "'": 'a text in quotes',
  '"': 'a text in quotes',
};

/** Text after a value that YAML takes to be over: `{id}-product`, `'draft' == s`. */
function afterValue(text: string, from: number): Words | null {
  const start = startOfLine(text, from);
  const line = text.slice(start, endOfLine(text, from));
  const value = /^(?:\s*- )*\s*(?:[^\s:'"{[]+:\s+)?(.*)$/.exec(line)?.[1] ?? '';
  const what = BEGINNINGS[value[0] ?? ''];
  if (what === undefined) return null;
  const message = `this value starts with ${value[0]}, which begins ${what}, and goes on after its end`;
  return toQuote(text, message, restOfLine(text, start + line.length - value.length));
}

/** The mistake is in one value, and quotes around it mend it. */
function toQuote(text: string, message: string, range: Range): Words {
  const value = text.slice(...range);
  const quoted = value.includes('"') ? `'${value.replaceAll("'", "''")}'` : `"${value.replaceAll('\\', '\\\\')}"`;
  const fix = value.length > 80 ? 'put quotes around the value' : `write ${quoted}`;
  return { code: 'yaml-quote', message, fix, range, inValue: true };
}

/** To the end of the line, without a comment. */
function restOfLine(text: string, from: number): Range {
  const rest = text.slice(from, endOfLine(text, from));
  const comment = rest.search(/\s#/);
  const value = (comment === -1 ? rest : rest.slice(0, comment)).trimEnd();
  return [from, from + Math.max(1, value.length)];
}

function startOfLine(text: string, offset: number): number {
  return offset === 0 ? 0 : text.lastIndexOf('\n', offset - 1) + 1;
}

function endOfLine(text: string, offset: number): number {
  const end = text.indexOf('\n', offset);
  return end === -1 ? text.length : end;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
