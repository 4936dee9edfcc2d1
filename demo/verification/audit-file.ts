/** The file of audit rows: each row of the source exactly once, changes of one key in order. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { type Comparison, compareRows, type Rows } from './comparison.ts';
import { canonical, SELECT } from './expected.ts';

/** One change as the file sink writes it; only what the comparison needs. */
export interface Line {
  readonly op: string;
  /** `schema.table`. */
  readonly table: string;
  readonly before: Readonly<Record<string, unknown>> | null;
  readonly after: Readonly<Record<string, unknown>> | null;
}

/** Lines in order; a last line without its end is an error, as is what is not JSON. */
export async function* jsonLines(path: string): AsyncGenerator<Line> {
  for await (const text of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    if (text !== '') yield lineOf(JSON.parse(text, exactNumbers) as Record<string, unknown>);
  }
}

/** Integers beyond 2^53 keep their digits. */
function exactNumbers(_: string, value: unknown, context?: { readonly source?: string }): unknown {
  return typeof value === 'number' && context?.source !== undefined ? context.source : value;
}

function lineOf(value: Record<string, unknown>): Line {
  return {
    op: String(value.op),
    table: String(value.table),
    before: (value.before ?? null) as Line['before'],
    after: (value.after ?? null) as Line['after'],
  };
}

export async function compareAudit(name: string, expected: Rows, path: string): Promise<Comparison> {
  const actual = new Map<string, readonly (string | null)[]>();
  const lastStreamed = new Map<string, number>();
  const repeated: string[] = [];
  const disordered: string[] = [];
  const columns = Object.keys(SELECT.audit);
  for await (const { op, after } of jsonLines(path)) {
    if (after === null) continue;
    const values = columns.map((column) => textOf(after[column]));
    const id = values[0] ?? '';
    if (actual.has(id)) repeated.push(id);
    actual.set(id, canonical(columns, values));
    const row = `${values[1]} ${values[3]}`;
    // Rows read by the snapshot are a set, not changes; they come before the first streamed one of their key.
    if (op === 'r') {
      if (lastStreamed.has(row)) disordered.push(id);
    } else {
      if ((lastStreamed.get(row) ?? 0) >= Number(id)) disordered.push(id);
      lastStreamed.set(row, Number(id));
    }
  }
  const notes = [...said('more than once', repeated), ...said('out of order', disordered)];
  return { ...compareRows(name, expected, actual), notes };
}

function said(what: string, ids: readonly string[]): string[] {
  return ids.length === 0 ? [] : [`${ids.length} ${what}: ${ids.slice(0, 5).join(' ')}`];
}

/** Last state of every row of one table by folding all its lines; columns that a line leaves out keep their value. */
export async function foldTable(
  path: string,
  table: string,
  columns: readonly string[],
  keyColumns: number,
): Promise<Rows> {
  const rows = new Map<string, Record<string, unknown>>();
  for await (const line of jsonLines(path)) {
    if (line.table !== `public.${table}`) continue;
    const keyOf = (row: Readonly<Record<string, unknown>>) =>
      columns
        .slice(0, keyColumns)
        .map((column) => textOf(row[column]))
        .join('/');
    if (line.after !== null) rows.set(keyOf(line.after), { ...rows.get(keyOf(line.after)), ...line.after });
    else if (line.op === 't') rows.clear();
    else if (line.before !== null) rows.delete(keyOf(line.before));
  }
  return new Map(
    [...rows].map(([key, row]) => [
      key,
      canonical(
        columns,
        columns.map((column) => textOf(row[column])),
      ),
    ]),
  );
}

export function textOf(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
