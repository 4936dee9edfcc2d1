/** Mutants of the configuration and the command line. */
import type { Mutant } from './mutant.ts';

const CONFIG = 'src/config/config.test.ts';
const RUN = 'src/cli/run.test.ts';

export const configMutants: readonly Mutant[] = [
  {
    // Passwords in the file's own lines.
    invariant: 12,
    file: 'src/config/config-file.ts',
    find: 'codeFrame(this.#source, range, [...this.#secret, ...this.#unshown], shownFix ?? ',
    replace: 'codeFrame(this.#source, range, [], shownFix ?? ',
    test: [CONFIG, 'invariant 12: passwords written into a file'],
  },
  {
    // Values of variables that rules and connectors repeat.
    invariant: 12,
    file: 'src/config/config-file.ts',
    find: 'message: printable(redact(message))',
    replace: 'message: printable(message)',
    test: [CONFIG, 'invariant 12: variables never show up'],
  },
  {
    // Secrets in a field of a JSON log line.
    invariant: 12,
    file: 'src/cli/log-lines.ts',
    find: "return typeof value === 'string' ? redact(value) : value;",
    replace: 'return value;',
    test: [RUN, 'invariant 12: neither secrets'],
  },
  {
    // The message of an unknown error, which may hold a row.
    invariant: 12,
    file: 'src/cli/log-lines.ts',
    find: "return stack.split('\\n').filter((line) => /^\\s+at /.test(line));",
    replace: "return stack.split('\\n');",
    test: [RUN, 'invariant 12: neither secrets'],
  },
  {
    // A file of a permitted size is parsed whatever it holds.
    invariant: 10,
    file: 'src/config/yaml-document.ts',
    find: 'const much = tooMuch(text);',
    replace: "const much = tooMuch('');",
    test: [CONFIG, 'invariant 10: all of them in a process'],
  },
];
