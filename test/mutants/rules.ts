/** Mutants of the rules. */
import type { Mutant } from './mutant.ts';

const EXAMPLES = 'src/rules/not-sent.test.ts';
const PROPERTY = 'src/rules/transform-property.test.ts';

export const rulesMutants: readonly Mutant[] = [
  {
    // An array that was not sent has no elements: those of the old row stay in the target.
    invariant: 9,
    file: 'src/rules/split-transform.ts',
    find: 'if (value === NOT_SENT)',
    replace: 'if (value === NOT_SENT) return [];\n    if (value === NOT_SENT)',
    test: ['src/rules/split.test.ts', 'invariant 9'],
  },
  {
    // A file of code takes a column that was not sent for NULL.
    invariant: 9,
    file: 'src/rules/steps/code-columns.ts',
    find: 'throw new NotSentError();',
    replace: 'return null as never;',
    test: ['src/rules/ts-step.test.ts', 'invariant 9: a file that reads'],
  },
  {
    // What code of the user throws, which may quote the row, becomes the message.
    invariant: 12,
    file: 'src/rules/steps/code-file.ts',
    find: 'the function threw ${error instanceof Error ? error.name :',
    replace: 'the function threw ${error instanceof Error ? error.message :',
    test: ['src/rules/ts-step.test.ts', 'invariant 12: what goes wrong'],
  },
  {
    // The parts of a text that was not sent are NULL.
    invariant: 9,
    file: 'src/rules/steps/parsed-columns.ts',
    find: 'return text === null || text === undefined ? text : read(text as string);',
    replace: 'return text === null || text === undefined ? null : read(text as string);',
    test: ['src/rules/parse.test.ts', 'invariant 9: a text that was not sent'],
  },
  {
    // What was not sent is taken for NULL.
    invariant: 9,
    file: 'src/rules/row-image.ts',
    find: 'return this.older === null ? undefined : this.older.load(index, read);',
    replace: 'return this.older === null ? null : this.older.load(index, read);',
    test: [PROPERTY, 'invariant 9'],
  },
  {
    // A row may enter the target without the columns that were not sent.
    invariant: 9,
    file: 'src/rules/transform.ts',
    find: '    if (!isWhole && change.isKnown !== true) this.#mustBeThere(row, older);\n',
    replace: '',
    test: [PROPERTY, 'invariant 9'],
  },
  {
    // What is computed from a column that was not sent counts as unchanged, whatever the other columns do.
    invariant: 9,
    file: 'src/rules/row-image.ts',
    find: 'return then !== undefined && Buffer.compare(now, then) === 0;',
    replace: 'return true;',
    test: [PROPERTY, 'invariant 9'],
  },
  {
    // A cast that fails says of which value.
    invariant: 12,
    file: 'src/rules/expression/text-form.ts',
    find: 'fail(`a text is not a value of type ${name}`)',
    replace: 'fail(`${text} is not a value of type ${name}`)',
    test: [EXAMPLES, 'invariant 12'],
  },
  {
    // A row whose old place is not known is left there.
    invariant: 7,
    file: 'src/rules/route-transform.ts',
    find: `(old === null || place === old));
    return`,
    replace: `(place === old));
    return`,
    test: ['src/rules/route.test.ts', 'invariant 7'],
  },
];
