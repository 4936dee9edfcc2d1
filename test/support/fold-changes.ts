/** What a target that applies every change ends with; throws where a change does not fit what came before. */
import type { Recorded, RecordedTransaction } from './recording-output.ts';

type Row = Record<string, Recorded>;

/** Rows by key, by table. */
export type Folded = Map<string, Map<string, Row>>;

/** @param keys key columns by table; the first column where a table is absent */
export function foldChanges(
  transactions: readonly RecordedTransaction[],
  keys: Readonly<Record<string, readonly string[]>> = {},
): Folded {
  const tables: Folded = new Map();
  const tableOf = (name: string) => {
    const found = tables.get(name) ?? new Map<string, Row>();
    tables.set(name, found);
    return found;
  };
  for (const { rows, markers } of transactions) {
    for (const marker of markers) if (marker.startsWith('truncate ')) tableOf(marker.slice(9)).clear();
    for (const { table, op, before, after } of rows) {
      const columns = keys[table] ?? [Object.keys(after ?? before ?? {})[0]!];
      const key = JSON.stringify(columns.map((column) => (after ?? before)?.[column]));
      const held = tableOf(table);
      if (held.has(key) === (op === 'c' || op === 'r')) throw new Error(`${op} of ${table} ${key} does not fit`);
      if (op === 'd') held.delete(key);
      else held.set(key, merged(held.get(key), after!, `${table} ${key}`));
    }
  }
  return tables;
}

/** Columns that were not sent keep their value. */
function merged(old: Row | undefined, after: Row, where: string): Row {
  const row = Object.entries(after).map(([name, value]) => {
    if (value === undefined && old === undefined) throw new Error(`${where}: ${name} was never sent`);
    return [name, value === undefined ? old![name] : value] as const;
  });
  return Object.fromEntries(row);
}
