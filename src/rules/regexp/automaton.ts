/**
 * Answers whether a pattern matches anywhere, with one look-up a character: the sets of steps that are open together are
 * made into states when they are first met (a DFA, built lazily). There may be very many: then they are forgotten and built anew.
 */
import { ASSERT, JUMP, MATCH, type Program, SET, SPLIT } from './program.ts';

const ASCII = 128;
/** Numbers and references that the states of one pattern hold together (Invariant 10). */
const MAX_CELLS = 60_000;
const MIN_STATES = 16;
/** Ways of one state by characters beyond ASCII. */
const MAX_OTHERS = 64;

interface State {
  /** Steps that take a character, and assertions of the end, in ascending order. */
  readonly steps: readonly number[];
  readonly isMatch: boolean;
  /** By code of the character. */
  readonly ascii: (State | undefined)[];
  readonly others: Map<number, State>;
}

/** Null for a program with assertions that look at the characters around them. */
export function automatonOf(program: Program): Automaton | null {
  const isPlain = program.steps.every(
    ({ op, assertion }) => op !== ASSERT || assertion === 'start' || assertion === 'end',
  );
  return isPlain ? new Automaton(program) : null;
}

export class Automaton {
  readonly #program: Program;
  readonly #maxStates: number;
  #states = new Map<string, State>();
  readonly #first: State;

  constructor(program: Program) {
    this.#program = program;
    this.#maxStates = Math.max(MIN_STATES, Math.floor(MAX_CELLS / (program.steps.length + ASCII)));
    this.#first = this.#stateOf(this.#closure([0], true, false));
  }

  test(text: string): boolean {
    let state = this.#first;
    for (let at = 0; at < text.length && !state.isMatch; at++) {
      let code = text.charCodeAt(at);
      if (code < ASCII) {
        state = state.ascii[code] ?? this.#next(state, code);
        continue;
      }
      if (code >= 0xd800 && code < 0xdc00) {
        code = text.codePointAt(at)!;
        if (code > 0xffff) at++;
      }
      state = state.others.get(code) ?? this.#next(state, code);
    }
    return state.isMatch || this.#matchesAtEnd(state);
  }

  #next(state: State, code: number): State {
    const { steps } = this.#program;
    const moved = state.steps.filter((step) => steps[step]!.op === SET && steps[step]!.set!.has(code));
    // A match may begin at every character.
    const next = this.#stateOf(this.#closure([...moved.map((step) => step + 1), 0], false, false));
    if (code < ASCII) state.ascii[code] = next;
    else if (state.others.size < MAX_OTHERS) state.others.set(code, next);
    return next;
  }

  #stateOf(found: readonly number[]): State {
    const { steps } = this.#program;
    const isMatch = found.some((step) => steps[step]!.op === MATCH);
    const sorted = isMatch ? [] : found.toSorted((a, b) => a - b);
    const key = isMatch ? 'match' : sorted.join();
    const known = this.#states.get(key);
    if (known !== undefined) return known;
    if (this.#states.size >= this.#maxStates) this.#forget();
    const state = { steps: sorted, isMatch, ascii: [], others: new Map() };
    this.#states.set(key, state);
    return state;
  }

  /** The first state stays, without its ways. */
  #forget(): void {
    for (const state of this.#states.values()) {
      state.ascii.length = 0;
      state.others.clear();
    }
    this.#states = new Map([[this.#first.steps.join(), this.#first]]);
  }

  #matchesAtEnd({ steps: open }: State): boolean {
    const { steps } = this.#program;
    const ends = open.filter((step) => steps[step]!.op === ASSERT).map((step) => step + 1);
    return ends.length > 0 && this.#closure(ends, false, true).some((step) => steps[step]!.op === MATCH);
  }

  /** What is reached without a character. */
  #closure(from: readonly number[], isStart: boolean, isEnd: boolean): number[] {
    const { steps } = this.#program;
    const seen = new Set<number>();
    const stack = [...from];
    const found: number[] = [];
    while (stack.length > 0) {
      const step = stack.pop()!;
      if (seen.has(step)) continue;
      seen.add(step);
      const { op, x, y, assertion } = steps[step]!;
      if (op === SET || op === MATCH) found.push(step);
      else if (op === JUMP) stack.push(x);
      else if (op === SPLIT) stack.push(x, y);
      else if (op !== ASSERT || (assertion === 'start' ? isStart : isEnd)) stack.push(step + 1);
      else if (assertion === 'end') found.push(step);
    }
    return found;
  }
}
