/** Rows as keys with values in canonical text, and what differs between two sets of them. Knows nothing of Tailrace. */

/** Key → column values: canonical text, or null. */
export type Rows = ReadonlyMap<string, readonly (string | null)[]>;

export interface Comparison {
  readonly name: string;
  /** Rows there should be. */
  readonly rows: number;
  /** Keys only, never values. */
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
  readonly different: readonly string[];
  /** Other findings, e.g. of order. */
  readonly notes: readonly string[];
}

export function compareRows(name: string, expected: Rows, actual: Rows): Comparison {
  const missing: string[] = [];
  const different: string[] = [];
  for (const [key, values] of expected) {
    const found = actual.get(key);
    if (found === undefined) missing.push(key);
    else if (!equal(values, found)) different.push(key);
  }
  const unexpected = [...actual.keys()].filter((key) => !expected.has(key));
  return { name, rows: expected.size, missing, unexpected, different, notes: [] };
}

function equal(a: readonly (string | null)[], b: readonly (string | null)[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}

export function isEqual({ missing, unexpected, different, notes }: Comparison): boolean {
  return missing.length + unexpected.length + different.length + notes.length === 0;
}

const NAMED = 5;

/** A table for the terminal, with the first keys of each difference below it. */
export function report(comparisons: readonly Comparison[]): string {
  const head = ['store', 'rows', 'missing', 'unexpected', 'different', ''];
  const body = comparisons.map((one) => [
    one.name,
    String(one.rows),
    String(one.missing.length),
    String(one.unexpected.length),
    String(one.different.length),
    isEqual(one) ? 'equal' : 'NOT EQUAL',
  ]);
  const widths = head.map((_, at) => Math.max(...[head, ...body].map((row) => row[at]?.length ?? 0)));
  const aligned = [head, ...body].map((row) =>
    row.map((cell, at) => (at === 0 || at === 5 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))),
  );
  const details = comparisons.flatMap((one) => [
    ...(['missing', 'unexpected', 'different'] as const).flatMap((kind) => named(`${one.name}: ${kind}`, one[kind])),
    ...named(`${one.name}: wrong`, one.notes),
  ]);
  return `${[...aligned.map((row) => row.join('  ').trimEnd()), ...details].join('\n')}\n`;
}

function named(title: string, keys: readonly string[]): string[] {
  if (keys.length === 0) return [];
  const more = keys.length > NAMED ? ` and ${keys.length - NAMED} more` : '';
  return [`  ${title} ${keys.slice(0, NAMED).join(', ')}${more}`];
}
