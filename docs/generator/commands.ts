/** The page about the command line, from the commands. */

import { routes } from '../../src/api/routes.ts';
import { COMMON_OPTIONS } from '../../src/cli/arguments.ts';
import { commands } from '../../src/cli/commands.ts';
import { EXIT_CODES, optionWords } from '../../src/cli/help.ts';
import { table } from './markdown.ts';

export function commandsPage(): string {
  const parts = commands.map(({ name, arguments: words, summary, details, options, kind }) => {
    const all = kind === 'forwarding' ? options : { ...options, ...COMMON_OPTIONS };
    const rows = Object.entries(all).map(([key, option]) => [`\`${optionWords(key, option)}\``, option.summary]);
    const optionTable = rows.length === 0 ? '' : `\n${table(['option', 'meaning'], rows)}\n`;
    return `## \`tailrace ${name} ${words}\`\n\n${summary.charAt(0).toUpperCase()}${summary.slice(1)}.\n\n${details}\n${optionTable}`;
  });
  const codes = EXIT_CODES.map(([code, meaning]) => [code, meaning]);
  const paths = routes.map(({ path, summary }) => [`\`${path}\``, summary]);
  return `# Commands

${parts.join('\n')}
With \`--json\` a command answers with one object: \`command\`, \`ok\`, \`summary\`, \`result\`, \`error\` (null, or \`code\`,
\`message\` and \`remedy\`); \`run\` writes one object per line of its log.

## Exit codes

${table(['code', 'meaning'], codes)}

## HTTP API

The running instance listens on the loopback address of \`http\` in [tailrace.yaml](tailrace-yaml.md). GET only, JSON.

${table(['path', 'answers'], paths)}
`;
}
