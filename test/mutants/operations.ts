/** Mutants of what people do with topics and groups, and of the HTTP API. */
import type { Mutant } from './mutant.ts';

const REQUESTS = 'src/api/requests.test.ts';
const OPERATIONS = 'src/operations/operations.test.ts';

export const operationsMutants: readonly Mutant[] = [
  {
    // Records and changes for whoever reaches the port.
    invariant: 12,
    file: 'src/api/server.ts',
    find: '    if (needsToken(route)) checkToken(request, serving.token);\n',
    replace: '',
    test: [REQUESTS, 'invariant 12: what the API gives away'],
  },
  {
    // Records pile up in memory for a client that does not take them.
    invariant: 10,
    file: 'src/api/sending.ts',
    find: "if (!response.write(values.map(textOf).join(''))) await drained(response);",
    replace: "response.write(values.map(textOf).join(''));",
    test: [REQUESTS, 'invariant 10: are read as they are taken'],
  },
  {
    // Nothing is read from where there is nothing, and nobody is told.
    invariant: 5,
    file: 'src/operations/read-records.ts',
    find: 'if (offset >= startOffset && (offset <= endOffset || !isOnly)) return offset;',
    replace: 'if (offset <= endOffset || offset > endOffset) return offset;',
    test: [OPERATIONS, 'invariant 5: an offset that is not there is refused'],
  },
  {
    // A group is moved to an offset that does not exist.
    invariant: 5,
    file: 'src/operations/seek.ts',
    find: 'if (offset >= startOffset && offset <= endOffset) return offset;',
    replace: 'if (offset >= startOffset) return offset;',
    test: [OPERATIONS, 'invariant 5: offsets that are not there are refused'],
  },
  {
    // Lines of the log kept as they were written.
    invariant: 12,
    file: 'src/operations/log-buffer.ts',
    find: `const shown = (text: string) => redact(text).slice(0, MAX_TEXT);`,
    replace: `const shown = (text: string) => text.slice(0, MAX_TEXT);`,
    test: ['src/operations/log-buffer.test.ts', 'invariant 12: kept without secrets'],
  },
  {
    // Every line of the log kept.
    invariant: 10,
    file: 'src/operations/log-buffer.ts',
    find: `this.#lines.length > MAX_LINES || this.#total > MAX_TOTAL`,
    replace: `this.#total > MAX_TOTAL`,
    test: ['src/operations/log-buffer.test.ts', 'invariant 10: only the last lines'],
  },
  {
    // What others read has the comments of the files.
    invariant: 12,
    file: 'src/config/config-file.ts',
    find: `return withoutComments(this.#redact()(masked(this.#source.text, [...this.#secret, ...this.#unshown])));`,
    replace: `return this.#redact()(masked(this.#source.text, [...this.#secret, ...this.#unshown]));`,
    test: ['src/cli/support.test.ts', 'invariant 12: support of a running'],
  },
  {
    // Secrets are looked for in JSON text alone, where some look different.
    invariant: 12,
    file: 'src/cli/commands/support.ts',
    find: `(typeof value === 'string' ? redact(value) : value)`,
    replace: `value`,
    test: ['src/cli/support.test.ts', 'invariant 12: support of a running'],
  },
];
