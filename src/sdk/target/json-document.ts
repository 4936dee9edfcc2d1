/**
 * A row as one JSON object, made of the record's bytes. Values stand there as in the record (numbers with all their digits,
 * decimals as strings), except that a column of kind `json` is embedded instead of being a string of JSON.
 */
import type { Row } from '../../contracts/row.ts';
import { columnText } from './column-text.ts';

const NO_COLUMNS: ReadonlyMap<string, string> = new Map();

/**
 * Members in column order, on one line. Columns that were not sent come from `stored`, the members of the document that the
 * target holds; without a value there they are left out. `more` is appended.
 */
export function documentOf(row: Row, stored = NO_COLUMNS, more: readonly (readonly [string, string])[] = []): string {
  const members: string[] = [];
  for (const [i, { name }] of row.columns.entries()) {
    const value = member(row, i) ?? stored.get(name);
    if (value !== undefined) members.push(`${nameOf(name)}:${value}`);
  }
  for (const [name, value] of more) members.push(`${nameOf(name)}:${value}`);
  return `{${members.join(',')}}`;
}

function member(row: Row, index: number): string | undefined {
  const json = row.bytes(index);
  if (json === undefined) return undefined;
  const text = Buffer.from(json.buffer, json.byteOffset, json.byteLength).toString();
  if (row.columns[index]!.kind !== 'json' || text === 'null') return text;
  return embedded(Buffer.from(columnText(row, index)!).toString()) ?? text;
}

/** Line ends only stand between JSON's tokens. Undefined for a text that is no JSON: a rule may have made the column. */
function embedded(text: string): string | undefined {
  try {
    JSON.parse(text);
  } catch {
    return undefined;
  }
  return text.replace(/[\r\n]/g, ' ');
}

const names = new Map<string, string>();
const MAX_NAMES = 10_000;

function nameOf(name: string): string {
  let json = names.get(name);
  if (json === undefined) {
    if (names.size >= MAX_NAMES) names.clear();
    names.set(name, (json = JSON.stringify(name)));
  }
  return json;
}
