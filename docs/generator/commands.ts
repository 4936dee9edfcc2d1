/** The page about the command line, from the commands. */

import { COMMON_OPTIONS } from '../../src/cli/arguments.ts';
import { singleCommands } from '../../src/cli/commands.ts';
import { EXIT_CODES, optionWords } from '../../src/cli/help.ts';
import { table } from './markdown.ts';

export function commandsPage(): string {
  const parts = singleCommands.map(({ name, arguments: words, summary, details, options, kind }) => {
    const own = kind === 'forwarding' ? options : { ...options, ...COMMON_OPTIONS };
    const rows = Object.entries(own).map(([key, option]) => [`\`${optionWords(key, option)}\``, option.summary]);
    const optionTable = rows.length === 0 ? '' : `\n${table(['option', 'meaning'], rows)}\n`;
    return `## \`tailrace ${name} ${words}\`\n\n${summary.charAt(0).toUpperCase()}${summary.slice(1)}.\n\n${details}\n${optionTable}`;
  });
  const codes = EXIT_CODES.map(([code, meaning]) => [code, meaning]);
  return `# Commands

${parts.join('\n')}
With \`--json\` a command answers with one object: \`command\`, \`ok\`, \`summary\`, \`result\`, \`error\` (null, or \`code\`,
\`message\` and \`remedy\`); \`run\` writes one object per line of its log.

## Exit codes

${table(['code', 'meaning'], codes)}

A running instance is asked over its [HTTP API](http-api.md).
`;
}
