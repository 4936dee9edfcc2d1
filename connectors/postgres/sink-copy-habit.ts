/** Whether COPY is worth trying: it is where it went well, and ever less often where the target refused it. */
import type { TargetTable } from './sink-tables.ts';

const MOST_SKIPPED = 256;

interface Habit {
  /** Batches that go without a try. */
  skips: number;
  /** `skips` after the next refusal. */
  penalty: number;
}

export class CopyHabit {
  readonly #tables = new Map<string, Habit>();
  #tried: Habit | null = null;

  /** @returns what `copy` says, or false when it is not tried */
  async try({ label }: TargetTable, copy: () => Promise<boolean>): Promise<boolean> {
    let habit = this.#tables.get(label);
    if (habit === undefined) this.#tables.set(label, (habit = { skips: 0, penalty: 1 }));
    if (habit.skips > 0) {
      habit.skips--;
      return false;
    }
    this.#tried = habit;
    const done = await copy();
    this.#tried = null;
    if (done) habit.penalty = 1;
    return done;
  }

  /** After an error: true when it was a COPY that was refused. */
  refused(): boolean {
    const tried = this.#tried;
    this.#tried = null;
    if (tried === null) return false;
    tried.skips = tried.penalty;
    tried.penalty = Math.min(MOST_SKIPPED, tried.penalty * 2);
    return true;
  }
}
