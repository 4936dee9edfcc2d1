/** One line of CSV (RFC 4180): fields in double quotes may hold the separator and doubled quotes. */
import type { Reader } from './format.ts';

/** @param separator one character. Null for a line with fields more or fewer than `count`, or quotes within a field. */
export function csvReader(count: number, separator: string): Reader {
  return (text) => {
    const fields: (string | null)[] = [];
    const line = text.replace(/\r?\n$/, '');
    for (let at = 0; ; ) {
      const end = fieldEnd(line, at, separator);
      if (end < 0 || fields.length === count) return null;
      const field = line.slice(at, end);
      fields.push(field === '' ? null : field.startsWith('"') ? field.slice(1, -1).replaceAll('""', '"') : field);
      if (end === line.length) break;
      at = end + separator.length;
    }
    return fields.length === count ? fields : null;
  };
}

/** -1: the quotes are wrong. */
function fieldEnd(line: string, at: number, separator: string): number {
  if (line[at] !== '"') {
    const found = line.indexOf(separator, at);
    const end = found < 0 ? line.length : found;
    return line.slice(at, end).includes('"') ? -1 : end;
  }
  for (let quote = line.indexOf('"', at + 1); quote >= 0; quote = line.indexOf('"', quote + 2)) {
    if (line[quote + 1] === '"') continue;
    const end = quote + 1;
    return end === line.length || line.startsWith(separator, end) ? end : -1;
  }
  return -1;
}
