/** Patterns as programs of a machine that follows all ways of matching at once (Thompson, Pike). */
import { fail } from '../fail.ts';
import type { Assertion, CharacterSet, Pattern } from './ast.ts';

export const SET = 0;
/** Both ways, the first one preferred. */
export const SPLIT = 1;
export const JUMP = 2;
export const ASSERT = 3;
/** Notes the place as a boundary of a group. */
export const SAVE = 4;
/** Forgets the boundaries from x up to y, for the next round of a repetition. */
export const CLEAR = 5;
export const MATCH = 6;

/** Steps of one program; the time for a text is its length times this at most. */
export const MAX_STEPS = 1_000;

export interface Instruction {
  readonly op: number;
  /** The next instruction; of `SAVE` the boundary. */
  x: number;
  y: number;
  readonly set: CharacterSet | null;
  readonly assertion: Assertion | null;
}

export interface Program {
  readonly steps: readonly Instruction[];
  readonly groups: number;
  /** Takes the longest of the matches that start first, else the shortest. */
  readonly greedy: boolean;
}

/** Throws `rule.failed` for a pattern of too many steps. */
export function programOf(pattern: Pattern, groups: number): Program {
  const builder = new ProgramBuilder();
  builder.add(pattern);
  builder.emit(MATCH, 0, 0);
  return { steps: builder.steps, groups, greedy: preference(pattern) !== 'short' };
}

class ProgramBuilder {
  readonly steps: Instruction[] = [];

  emit(op: number, x: number, y: number, set: CharacterSet | null = null, assertion: Assertion | null = null): number {
    if (this.steps.length >= MAX_STEPS)
      fail(`a pattern has more than ${MAX_STEPS} steps, counted repetitions included`);
    this.steps.push({ op, x, y, set, assertion });
    return this.steps.length - 1;
  }

  add(pattern: Pattern): void {
    switch (pattern.kind) {
      case 'empty':
        return;
      case 'set':
        this.emit(SET, 0, 0, pattern.set);
        return;
      case 'assertion':
        this.emit(ASSERT, 0, 0, null, pattern.assertion);
        return;
      case 'sequence':
        for (const part of pattern.parts) this.add(part);
        return;
      case 'group':
        this.#group(pattern.inner, pattern.number);
        return;
      case 'choice':
        this.#choice(pattern.branches);
        return;
      case 'repeat':
        this.#repeat(pattern);
    }
  }

  #group(inner: Pattern, number: number | null): void {
    if (number !== null) this.emit(SAVE, 2 * number, 0);
    this.add(inner);
    if (number !== null) this.emit(SAVE, 2 * number + 1, 0);
  }

  #choice(branches: readonly Pattern[]): void {
    const ends: number[] = [];
    for (const [i, branch] of branches.entries()) {
      const isLast = i === branches.length - 1;
      const split = isLast ? -1 : this.emit(SPLIT, this.steps.length + 1, 0);
      this.add(branch);
      if (isLast) continue;
      ends.push(this.emit(JUMP, 0, 0));
      this.steps[split]!.y = this.steps.length;
    }
    for (const end of ends) this.steps[end]!.x = this.steps.length;
  }

  #repeat({ inner, min, max, greedy }: Extract<Pattern, { kind: 'repeat' }>): void {
    const round = () => {
      const [first, last] = groupsOf(inner);
      if (first <= last) this.emit(CLEAR, 2 * first, 2 * last + 2);
      this.add(inner);
    };
    for (let i = 0; i < min; i++) round();
    if (max === Number.POSITIVE_INFINITY) {
      const start = this.emit(SPLIT, 0, 0);
      round();
      this.emit(JUMP, start, 0);
      this.#fork(start, greedy, this.steps.length);
      return;
    }
    const forks: number[] = [];
    for (let i = min; i < max; i++) {
      forks.push(this.emit(SPLIT, 0, 0));
      round();
    }
    for (const fork of forks) this.#fork(fork, greedy, this.steps.length);
  }

  #fork(at: number, greedy: boolean, end: number): void {
    const split = this.steps[at]!;
    split.x = greedy ? at + 1 : end;
    split.y = greedy ? end : at + 1;
  }
}

/** Numbers of the first and last group within; the first one is larger when there is none. */
function groupsOf(pattern: Pattern): readonly [first: number, last: number] {
  switch (pattern.kind) {
    case 'group': {
      const [first, last] = groupsOf(pattern.inner);
      const { number } = pattern;
      return number === null ? [first, last] : [number, Math.max(number, last)];
    }
    case 'repeat':
      return groupsOf(pattern.inner);
    case 'sequence':
    case 'choice': {
      const all = (pattern.kind === 'sequence' ? pattern.parts : pattern.branches).map(groupsOf);
      return [Math.min(...all.map(([first]) => first)), Math.max(...all.map(([, last]) => last))];
    }
    default:
      return [Number.POSITIVE_INFINITY, 0];
  }
}

/** Whether the whole match is the longest or the shortest one ("Regular Expression Matching Rules"). */
function preference(pattern: Pattern): 'long' | 'short' | null {
  switch (pattern.kind) {
    case 'group':
      return preference(pattern.inner);
    case 'choice':
      return 'long';
    case 'sequence':
      for (const part of pattern.parts) {
        const found = preference(part);
        if (found !== null) return found;
      }
      return null;
    case 'repeat': {
      const isFixed = pattern.min === pattern.max;
      return isFixed ? preference(pattern.inner) : pattern.greedy ? 'long' : 'short';
    }
    default:
      return null;
  }
}
