/** The page about the HTTP API and the OpenAPI document, from the declarations of the routes. */
import { openApi } from '../../src/api/openapi.ts';
import type { Access } from '../../src/api/route.ts';
import { routes } from '../../src/api/routes.ts';
import { table } from './markdown.ts';

const ACCESS: Readonly<Record<Access, string>> = {
  state: '',
  records: 'token: row contents',
  change: 'token: changes',
};

export function httpApiPage(): string {
  const rows = routes.map(({ method, path, access, summary }) => [`\`${method} ${path}\``, ACCESS[access], summary]);
  return `# HTTP API

The running instance listens on the loopback address of \`http\` in [tailrace.yaml](tailrace-yaml.md), for programs of this
machine. Its requests and answers are described by the OpenAPI document that it gives at \`/openapi.json\`, the same as
[openapi.json](openapi.json) here.

* What changes something or may give row contents away needs \`Authorization: Bearer TOKEN\`. The token is in \`api.json\` in
  the data directory, which only its owner can read, and is another after each start.
* Requests of pages of other origins (\`Origin\`), and with the name of another host (\`Host\`), are refused with status 403.
* Bodies are JSON (\`Content-Type: application/json\`). Unknown fields are refused.
* An error is \`{"error": {"code", "message", "remedy"}}\`; the codes are those of [errors.md](errors.md).
* Many values come as one JSON value a line; the last line is \`{"end":true}\`, or an error when the reading broke off. Or
  they come as server-sent events, with an event \`end\` or \`error\` at last.

${table(['path', 'needs', 'answers'], rows)}
`;
}

export function openApiDocument(version: string): string {
  return `${JSON.stringify(openApi(routes, version), null, 2)}\n`;
}
