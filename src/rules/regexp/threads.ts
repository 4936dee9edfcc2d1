/** The ways of matching that are open at one place of a text, each step at most once, in order of preference. */
import type { Assertion } from './ast.ts';
import { isWord } from './character-sets.ts';
import { ASSERT, CLEAR, JUMP, type Program, SAVE, SPLIT } from './program.ts';

/** -1: there is no character. */
export interface Place {
  readonly at: number;
  readonly before: number;
  readonly after: number;
}

export class Threads<T> {
  size = 0;
  readonly steps: Int32Array;
  readonly data: T[] = [];
  readonly #program: Program;
  /** Of steps that were followed already, also those that stand in no thread. */
  readonly #seen: Uint32Array;
  #round = 0;
  readonly #stack: number[] = [];
  readonly #stackData: T[] = [];

  constructor(program: Program) {
    this.#program = program;
    this.steps = new Int32Array(program.steps.length);
    this.#seen = new Uint32Array(program.steps.length);
  }

  clear(): void {
    this.size = 0;
    this.data.length = 0;
    this.#round++;
  }

  /**
   * Follows everything that takes no character from `step` on.
   * @param change what a `SAVE` or `CLEAR` makes of the data
   */
  add(step: number, data: T, place: Place, change: (data: T, op: number, x: number, y: number, at: number) => T): void {
    const { steps } = this.#program;
    this.#stack.push(step);
    this.#stackData.push(data);
    while (this.#stack.length > 0) {
      const at = this.#stack.pop()!;
      const own = this.#stackData.pop()!;
      if (this.#seen[at] === this.#round) continue;
      this.#seen[at] = this.#round;
      const { op, x, y, assertion } = steps[at]!;
      if (op === JUMP) this.#push(x, own);
      else if (op === SPLIT) {
        this.#push(y, own);
        this.#push(x, own);
      } else if (op === ASSERT) {
        if (holds(assertion!, place)) this.#push(at + 1, own);
      } else if (op === SAVE || op === CLEAR) this.#push(at + 1, change(own, op, x, y, place.at));
      else {
        this.steps[this.size++] = at;
        this.data.push(own);
      }
    }
  }

  #push(step: number, data: T): void {
    this.#stack.push(step);
    this.#stackData.push(data);
  }
}

function holds(assertion: Assertion, { before, after }: Place): boolean {
  const wordBefore = before >= 0 && isWord(before);
  const wordAfter = after >= 0 && isWord(after);
  switch (assertion) {
    case 'start':
      return before < 0;
    case 'end':
      return after < 0;
    case 'line-start':
      return before < 0 || before === 0x0a;
    case 'line-end':
      return after < 0 || after === 0x0a;
    case 'word-start':
      return !wordBefore && wordAfter;
    case 'word-end':
      return wordBefore && !wordAfter;
    case 'edge':
      return wordBefore !== wordAfter;
    case 'no-edge':
      return wordBefore === wordAfter;
  }
}
