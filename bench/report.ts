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

function machine(): string {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  const memory = Math.round(totalmem() / 2 ** 30);
  const day = new Date().toISOString().slice(0, 10);
  return `commit ${commit}, ${day}; ${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, ${memory} GiB, Linux ${release()}, Node ${process.version}`;
}

const HEAD = `# Figures

Written by \`npm run bench\`. Both sides of a ratio are measured in turn in the same run; absolute numbers belong to the
machine named below each table, ratios are what to compare.
`;

export function publish(section: Section, file = new URL('../docs/figures.md', import.meta.url)): void {
  const text = markdown(section);
  process.stdout.write(`\n${text}\n`);
  const begin = `<!-- ${section.name} -->`;
  const end = `<!-- /${section.name} -->`;
  const old = existsSync(file) ? readFileSync(file, 'utf8') : HEAD;
  const block = `${begin}\n${text}\n${end}`;
  const at = old.indexOf(begin);
  const next = at < 0 ? `${old}\n${block}\n` : old.slice(0, at) + block + old.slice(old.indexOf(end) + end.length);
  writeFileSync(file, next);
}
