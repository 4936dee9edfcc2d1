/** Writes docs/reference from the code. `npm run docs` runs it; a test fails when the pages are not up to date. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connectors } from '../connectors/index.ts';
import { errorCatalogue } from '../src/contracts/errors.ts';
import { acceptancePage } from './generator/acceptance.ts';
import { commandsPage } from './generator/commands.ts';
import { instanceFilePage, pipelineFilePage } from './generator/configuration.ts';
import { expressionsPage } from './generator/expressions.ts';
import { httpApiPage, openApiDocument } from './generator/http-api.ts';
import { keyTable, table } from './generator/markdown.ts';
import { metricsPage } from './generator/metrics.ts';

function errorsPage(): string {
  const rows = errorCatalogue().map(({ code, class: kind, text }) => [`\`${code}\``, kind, text]);
  return `# Error codes\n\nCodes are stable. The class decides what the runtime does.\n\n${table(['code', 'class', 'meaning'], rows)}\n`;
}

async function connectorsPage(): Promise<string> {
  const parts = ['# Connectors', ''];
  for (const [type, load] of Object.entries(connectors)) {
    const { source, sink } = await load();
    if (source !== undefined) parts.push(`## Source \`${type}\``, '', source.summary, '', keyTable(source.config), '');
    if (sink !== undefined) {
      const keeps = sink.keeps === 'append' ? 'Every change is a new entry.' : 'One entry per key.';
      parts.push(`## Sink \`${type}\``, '', `${sink.summary} ${keeps}`, '', keyTable(sink.config), '');
    }
  }
  return parts.join('\n');
}

function productVersion(): string {
  return JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version;
}

/** Page name → text. */
export async function referencePages(): Promise<ReadonlyMap<string, string>> {
  return new Map([
    ['acceptance.md', await acceptancePage()],
    ['errors.md', errorsPage()],
    ['connectors.md', await connectorsPage()],
    ['expressions.md', expressionsPage()],
    ['pipeline-file.md', pipelineFilePage()],
    ['tailrace-yaml.md', instanceFilePage()],
    ['commands.md', commandsPage()],
    ['http-api.md', httpApiPage()],
    ['metrics.md', metricsPage()],
    ['openapi.json', openApiDocument(productVersion())],
  ]);
}

if (import.meta.main) {
  const folder = new URL('reference/', import.meta.url);
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of await referencePages()) writeFileSync(new URL(name, folder), text);
}
