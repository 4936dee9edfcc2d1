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
];
