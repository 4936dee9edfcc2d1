/**
 * Where a pattern matches. The time is the length of the text times the steps of the pattern, whatever the two are.
 * Of the matches that start first the longest is taken, or the shortest when the pattern prefers that; how the
 * groups share it is decided by the order of preference.
 */
import { CLEAR, MATCH, type Program, SET } from './program.ts';
import { type Place, Threads } from './threads.ts';

export interface Match {
  readonly start: number;
  readonly end: number;
}

const same = <T>(data: T) => data;

export class Searcher {
  readonly #program: Program;
  #now: Threads<number>;
  #next: Threads<number>;

  constructor(program: Program) {
    this.#program = program;
    this.#now = new Threads(program);
    this.#next = new Threads(program);
  }

  /** Is there a match anywhere? */
  test(text: string): boolean {
    return this.#search(text, 0, true) !== null;
  }

  /** The match that starts first at or after `from`. */
  find(text: string, from: number): Match | null {
    return this.#search(text, from, false);
  }

  #search(text: string, from: number, isEnough: boolean): Match | null {
    const { steps, greedy } = this.#program;
    let best: Match | null = null;
    this.#next.clear();
    for (let at = from, before = codeBefore(text, from); ; ) {
      [this.#now, this.#next] = [this.#next, this.#now];
      const after = at < text.length ? text.codePointAt(at)! : -1;
      const end = at + (after > 0xffff ? 2 : 1);
      const place = { at: end, before: after, after: end < text.length ? text.codePointAt(end)! : -1 };
      if (best === null) this.#now.add(0, at, { at, before, after }, same);
      if (this.#now.size === 0 && best !== null) return best;
      this.#next.clear();
      for (let i = 0; i < this.#now.size; i++) {
        const start = this.#now.data[i]!;
        if (best !== null && start > best.start) continue;
        const step = this.#now.steps[i]!;
        const { op, set } = steps[step]!;
        if (op === MATCH) {
          if (isEnough) return { start, end: at };
          if (best === null || start < best.start || greedy) best = { start, end: at };
        } else if (after >= 0 && op === SET && set!.has(after)) {
          if (greedy || best === null || start < best.start) this.#next.add(step + 1, start, place, same);
        }
      }
      if (after < 0) return best;
      before = after;
      at = end;
    }
  }
}

/** Boundaries of the groups, two for each, -1 where one took no part. The text from `start` to `end` is a match. */
export function groupsOf(program: Program, text: string, { start, end }: Match): Int32Array {
  let now = new Threads<Int32Array>(program);
  let next = new Threads<Int32Array>(program);
  const none = new Int32Array(2 * program.groups + 2).fill(-1);
  next.clear();
  next.add(0, none, placeAt(text, start), save);
  for (let at = start; ; ) {
    [now, next] = [next, now];
    next.clear();
    const after = at < text.length ? text.codePointAt(at)! : -1;
    const to = at + (after > 0xffff ? 2 : 1);
    for (let i = 0; i < now.size; i++) {
      const step = now.steps[i]!;
      const { op, set } = program.steps[step]!;
      if (op === MATCH) {
        if (at === end) return now.data[i]!;
      } else if (at < end && op === SET && set!.has(after)) next.add(step + 1, now.data[i]!, placeAt(text, to), save);
    }
    if (at >= end) return none;
    at = to;
  }
}

function save(data: Int32Array, op: number, x: number, y: number, at: number): Int32Array {
  const copy = data.slice();
  if (op === CLEAR) copy.fill(-1, x, y);
  else copy[x] = at;
  return copy;
}

function placeAt(text: string, at: number): Place {
  return { at, before: codeBefore(text, at), after: at < text.length ? text.codePointAt(at)! : -1 };
}

function codeBefore(text: string, at: number): number {
  if (at <= 0) return -1;
  const unit = text.charCodeAt(at - 1);
  return unit >= 0xdc00 && unit < 0xe000 && at > 1 ? text.codePointAt(at - 2)! : unit;
}
