/** Writes docs/reference/*.md from the code. `npm run docs` runs it; a test fails when the pages are not up to date. */
import { writeFileSync } from 'node:fs';
import { z } from 'zod';
import { connectors } from '../connectors/index.ts';
import { errorCatalogue } from '../src/contracts/errors.ts';

interface JsonField {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly secret?: boolean;
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}

function errorsPage(): string {
  const rows = errorCatalogue().map(({ code, class: kind, text }) => [`\`${code}\``, kind, text]);
  return `# Error codes\n\nCodes are stable. The class decides what the runtime does.\n\n${table(['code', 'class', 'meaning'], rows)}\n`;
}

function fields(schema: z.ZodType): string {
  const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as {
    properties?: Record<string, JsonField>;
    required?: string[];
  };
  const rows = Object.entries(json.properties ?? {}).map(([name, field]) => {
    const kind = field.enum?.map((value) => `\`${value}\``).join(', ') ?? field.type ?? 'any';
    const fallback = field.default === undefined ? '' : `\`${JSON.stringify(field.default)}\``;
    const required = json.required?.includes(name) === true ? 'required' : fallback;
    return [`\`${name}\``, kind, required, field.description ?? ''];
  });
  return table(['key', 'values', 'default', 'meaning'], rows);
}

async function connectorsPage(): Promise<string> {
  const parts = ['# Connectors', ''];
  for (const [type, load] of Object.entries(connectors)) {
    const { source, sink } = await load();
    if (source !== undefined) parts.push(`## Source \`${type}\``, '', source.summary, '', fields(source.config), '');
    if (sink !== undefined) {
      const keeps = sink.keeps === 'append' ? 'Every change is a new entry.' : 'One entry per key.';
      parts.push(`## Sink \`${type}\``, '', `${sink.summary} ${keeps}`, '', fields(sink.config), '');
    }
  }
  return parts.join('\n');
}

/** Page name → text. */
export async function referencePages(): Promise<ReadonlyMap<string, string>> {
  return new Map([
    ['errors.md', errorsPage()],
    ['connectors.md', await connectorsPage()],
  ]);
}

if (import.meta.main) {
  for (const [name, text] of await referencePages()) writeFileSync(new URL(`reference/${name}`, import.meta.url), text);
}
