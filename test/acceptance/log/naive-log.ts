/** A log as a list of what was done to it, in call order; its state is the fold over the first so many. */

export interface NaiveRecord {
  readonly place: string;
  readonly value: string;
}

export type Step =
  | { readonly kind: 'topic'; readonly name: string; readonly partitions: number }
  | { readonly kind: 'fence'; readonly writer: string; readonly epoch: number }
  | {
      readonly kind: 'commit';
      readonly records: readonly NaiveRecord[];
      readonly checkpoints: readonly (readonly [name: string, value: string | null])[];
    };

/** What readers can see, in a form that compares. */
export interface Visible {
  /** Topic-partition → values in order; a partition's offsets are their indexes. */
  readonly values: Readonly<Record<string, readonly string[]>>;
  readonly checkpoints: readonly (readonly [string, string])[];
}

export class NaiveLog {
  readonly steps: Step[] = [];
  /** So many of the steps are known to be durable. */
  durable = 0;

  /** Queues a step; the returned function says that it is durable. Steps become durable in call order. */
  add(step: Step): () => void {
    this.steps.push(step);
    const number = this.steps.length;
    return () => {
      if (this.durable !== number - 1) throw new Error(`step ${number} was durable after ${this.durable} steps`);
      this.durable = number;
    };
  }

  /** Epoch of a writer as of the last call. */
  epoch(writer: string): number {
    return this.epochAfter(this.steps.length, writer);
  }

  hasTopic(name: string): boolean {
    return this.steps.some((step) => step.kind === 'topic' && step.name === name);
  }

  /** After the first `count` steps. */
  visible(count: number): Visible {
    const values: Record<string, string[]> = {};
    const checkpoints = new Map<string, string>();
    for (const step of this.steps.slice(0, count)) {
      if (step.kind === 'topic') for (let i = 0; i < step.partitions; i++) values[`${step.name}-${i}`] ??= [];
      if (step.kind !== 'commit') continue;
      for (const { place, value } of step.records) values[place]!.push(value);
      for (const [name, value] of step.checkpoints) {
        if (value === null) checkpoints.delete(name);
        else checkpoints.set(name, value);
      }
    }
    return { values, checkpoints: [...checkpoints].sort(([a], [b]) => (a < b ? -1 : 1)) };
  }

  /** Forgets the steps from `count` on, which a crash lost; the rest is durable. */
  cutTo(count: number): void {
    this.steps.splice(count);
    this.durable = count;
  }

  epochAfter(count: number, writer: string): number {
    const last = this.steps.slice(0, count).findLast((step) => step.kind === 'fence' && step.writer === writer);
    return last?.kind === 'fence' ? last.epoch : 0;
  }
}
