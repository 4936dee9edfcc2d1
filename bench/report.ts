/** Tables of figures, to the terminal and into docs/figures.md between a section's markers. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';

export interface Section {
  readonly name: string;
  readonly title: string;
  readonly notes: readonly string[];
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Rows of an earlier run stay where this one has none of the same first cell. */
  readonly merge?: boolean;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}

/** Middle value with the extremes: `1.42 (1.38–1.47)`. */
export function spread(values: readonly number[], digits = 2): string {
  return `${median(values).toFixed(digits)} (${Math.min(...values).toFixed(digits)}–${Math.max(...values).toFixed(digits)})`;
}

function markdown({ title, notes, header, rows }: Section): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const table = [line(header), line(header.map(() => '---')), ...rows.map(line)];
  return [`## ${title}`, '', ...table, '', ...notes.map((note) => `* ${note}`), `* ${machine()}`].join('\n');
}

export function currentCommit(): string {
  return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
}

function machine(): string {
  const commit = currentCommit();
  const memory = Math.round(totalmem() / 2 ** 30);
  const day = new Date().toISOString().slice(0, 10);
  return `commit ${commit}, ${day}; ${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, ${memory} GiB, Linux ${release()}, Node ${process.version}`;
}

const HEAD = `# Figures

Written by \`npm run bench\`. Both sides of a ratio are measured in turn in the same run; absolute numbers belong to the
machine named below each table, ratios are what to compare.
`;

export function publish(section: Section, file = new URL('../docs/figures.md', import.meta.url)): void {
  process.stdout.write(`\n${markdown(section)}\n`);
  const begin = `<!-- ${section.name} -->`;
  const end = `<!-- /${section.name} -->`;
  const old = existsSync(file) ? readFileSync(file, 'utf8') : HEAD;
  const at = old.indexOf(begin);
  const earlier = section.merge === true && at >= 0 ? tableRows(old.slice(at, old.indexOf(end)), section.header) : [];
  const block = `${begin}\n${markdown({ ...section, rows: merged(earlier, section.rows) })}\n${end}`;
  const next = at < 0 ? `${old}\n${block}\n` : old.slice(0, at) + block + old.slice(old.indexOf(end) + end.length);
  writeFileSync(file, next);
}

/** Rows of the table with this header; none when it is another. */
function tableRows(text: string, header: readonly string[]): string[][] {
  const lines = text.split('\n').filter((line) => line.startsWith('| '));
  const cells = lines.map((line) => line.slice(2, -2).split(' | '));
  if (cells[0]?.join() !== header.join()) return [];
  return cells.slice(2);
}

function merged(earlier: readonly (readonly string[])[], rows: Section['rows']): Section['rows'] {
  const fresh = new Map(rows.map((row) => [row[0], row]));
  const kept = earlier.map((row) => fresh.get(row[0]) ?? row);
  const known = new Set(earlier.map((row) => row[0]));
  return [...kept, ...rows.filter((row) => !known.has(row[0]))];
}
