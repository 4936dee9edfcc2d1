/** The page about the command line, from the commands. */

import { routes } from '../../src/api/routes.ts';
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
  const paths = routes.map(({ method, path, summary, needsToken }) => [
    `\`${method} ${path}\``,
    needsToken ? 'yes' : '',
    summary,
  ]);
  return `# Commands

${parts.join('\n')}
With \`--json\` a command answers with one object: \`command\`, \`ok\`, \`summary\`, \`result\`, \`error\` (null, or \`code\`,
\`message\` and \`remedy\`); \`run\` writes one object per line of its log.

## Exit codes

${table(['code', 'meaning'], codes)}

## HTTP API

The running instance listens on the loopback address of \`http\` in [tailrace.yaml](tailrace-yaml.md), for programs of this
machine. What changes something or gives records away needs \`Authorization: Bearer TOKEN\`; the token is in \`api.json\` in
the data directory, which only its owner can read, and is another after each start. Requests of pages of other origins and
with the name of another host are refused. Bodies are JSON. An error is \`{"error": {"code", "message", "remedy"}}\`. Records
come as one JSON object a line; the last line is \`{"end":true}\`, or an error when the reading broke off.

${table(['path', 'token', 'answers'], paths)}
`;
}
