/** Records as text. */

import { TailraceError } from '../contracts/errors.ts';
import type { ShownBytes, ShownRecord } from '../contracts/operations.ts';
import { quoted } from '../lib/printable.ts';

export const FORMAT_WORDS = `In a format %t is the topic, %p the partition, %o the offset, %T the time, %k the key, %v the value, %h the headers,
%% a percent sign, \\n and \\t line end and tab. Null is empty; what is no UTF-8 text is base64.`;

const DEFAULT_FORMAT = '%p/%o\\t%T\\t%k\\t%v\\n';

type Part = (record: ShownRecord, topic: string) => string;

const FIELDS: Readonly<Record<string, Part>> = {
  t: (_, topic) => topic,
  p: ({ partition }) => String(partition),
  o: ({ offset }) => offset,
  T: ({ timestamp }) => timeText(timestamp),
  k: ({ key }) => bytesText(key),
  v: ({ value }) => bytesText(value),
  h: ({ headers }) => headers.map(({ key, value }) => `${key}=${bytesText(value)}`).join(','),
  '%': () => '%',
};
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', '\\': '\\' };

/** Throws `cli.usage` for a letter that stands for nothing. */
export function recordFormat(format: string = DEFAULT_FORMAT): Part {
  const parts: Part[] = [];
  for (const [, field, escaped, text] of format.matchAll(/%(.?)|\\(.?)|([^%\\]+)/gs)) {
    const literal = text ?? ESCAPES[escaped ?? ''];
    const part = field === undefined ? (literal === undefined ? undefined : () => literal) : FIELDS[field];
    if (part === undefined) {
      throw new TailraceError(
        'cli.usage',
        `--format: ${quoted(field === undefined ? `\\${escaped}` : `%${field}`)} stands for nothing`,
        {
          remedy: 'there are %t %p %o %T %k %v %h %% \\n \\t',
        },
      );
    }
    parts.push(part);
  }
  return (record, topic) => parts.map((part) => part(record, topic)).join('');
}

function bytesText(shown: ShownBytes): string {
  if (shown === null) return '';
  return typeof shown === 'string' ? shown : shown.$bytes;
}

function timeText(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString();
}
