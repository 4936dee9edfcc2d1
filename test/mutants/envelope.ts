/** Mutants of the envelope. */
import type { Mutant } from './mutant.ts';

const VALUES = 'src/envelope/round-trip.test.ts';

export const envelopeMutants: readonly Mutant[] = [
  {
    // Versions follow the source's clock when it is set back.
    invariant: 7,
    file: 'src/envelope/version-clock.ts',
    find: `    if (this.#timeHigh > this.high || (this.#timeHigh === this.high && this.#timeLow > this.low)) {`,
    replace: `    if (this.#timeHigh !== this.high || this.#timeLow !== this.low) {`,
    test: ['src/envelope/version-clock.test.ts', 'invariant 7'],
  },
  {
    // The carry into the upper half is forgotten: the version falls by 2^32.
    invariant: 7,
    file: 'src/envelope/version-clock.ts',
    find: `      this.high++;`,
    replace: '',
    test: ['src/envelope/version-clock.test.ts', 'invariant 7'],
  },
  {
    // What was not sent is written as null.
    invariant: 9,
    file: 'src/envelope/direct-row-writer.ts',
    find: `    this.#next = column + 1;
    if (this.#kept !== null && this.#side === 'after')`,
    replace: `    this.null(column);
    if (this.#kept !== null && this.#side === 'after')`,
    test: [VALUES, 'invariant 9'],
  },
  {
    // What is absent is read as null.
    invariant: 9,
    file: 'src/envelope/row-view.ts',
    find: `if (from < 0) return NOT_SENT;`,
    replace: `if (from < 0) return null;`,
    test: [VALUES, 'invariant 9'],
  },
  {
    // Integers pass through a JS number.
    invariant: 9,
    file: 'src/envelope/json-value.ts',
    find: `BigInt(to - from <= SAFE_DIGITS ? integerOf(bytes, from, to) : integerText(bytes, from, to));`,
    replace: `BigInt(Number(integerText(bytes, from, to)));`,
    test: [VALUES, 'invariant 9'],
  },
  {
    // Bytes that are not UTF-8 are copied as if they were text, and readers replace them.
    invariant: 9,
    file: 'src/envelope/json-text.ts',
    find: `        if (length === 0) return -1;`,
    replace: `        if (length === 0) {
          bytes[at++] = buf[next++]!;
          continue;
        }`,
    test: [VALUES, 'invariant 9'],
  },
  {
    // A message has the version of the record before it.
    invariant: 7,
    file: 'src/envelope/message-records.ts',
    find: `    clock.advance();
`,
    replace: '',
    test: ['src/envelope/message-records.test.ts', 'invariant 7'],
  },
  {
    // A topic for each row, and memory for each topic.
    invariant: 10,
    file: 'src/envelope/message-records.ts',
    find: `if (this.#channels.size === MAX_TOPICS)`,
    replace: `if (this.#channels.size === Number.MAX_SAFE_INTEGER)`,
    test: ['src/envelope/message-records.test.ts', 'invariant 10'],
  },
];
