/**
 * Random commits to a log, remembered in call order, and what a recovered log must hold: the first k of them, whole, where k
 * is not below the number that was acknowledged.
 */
import { expect } from 'vitest';
import type { Random } from '../../demo/shop/random.ts';
import type { Log, LogTransaction } from '../../src/contracts/log.ts';
import type { Clock } from '../../src/contracts/plugin.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { batchOf, valuesIn } from './log-batches.ts';

export const HISTORY_TOPICS = { a: 1, b: 3 } as const;
const COUNTER = 'commits';

interface Commit {
  readonly values: readonly { readonly place: string; readonly value: string }[];
  readonly checkpoints: readonly (readonly [name: string, value: string | null])[];
}

/** Waits end as soon as the event loop turns; time stands still. */
export const eagerClock: Clock = {
  ...systemClock,
  sleep: (_ms, signal) =>
    new Promise((resolve, reject) => {
      setImmediate(() => (signal?.aborted ? reject(signal.reason) : resolve()));
    }),
};

export class LogHistory {
  readonly commits: Commit[] = [];
  acknowledged = 0;
  readonly #random: Random;
  #values = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  async createTopics(log: Log): Promise<void> {
    for (const [name, partitions] of Object.entries(HISTORY_TOPICS)) {
      await log.topics.ensure(name, { partitions, cleanup: 'delete' });
    }
  }

  /** Some commits, several in flight at a time, some of them large, some transactions aborted. Resolves when all are durable; rejects when none is under way any more. */
  async run(log: Log, count: number): Promise<void> {
    const begun: Promise<void>[] = [];
    await this.#run(log, count, begun).finally(() => Promise.allSettled(begun));
  }

  async #run(log: Log, count: number, begun: Promise<void>[]): Promise<void> {
    const writers = ['w0', 'w1', 'w2'];
    const epochs = new Map<string, number>();
    for (const writer of writers) epochs.set(writer, await log.fence(writer));
    const inFlight: Promise<void>[] = [];
    for (let i = 0; i < count; i++) {
      const writer = this.#random.pick(writers);
      if (this.#random.unit() < 0.05) epochs.set(writer, await log.fence(writer));
      const transaction = log.begin(writer, epochs.get(writer)!);
      if (this.#random.unit() < 0.1) {
        await this.#fill(transaction, this.#random.between(0, 6));
        await transaction.abort();
        continue;
      }
      const commit = this.#commit(transaction, await this.#fill(transaction, this.#size()));
      // Seen where all of them are awaited.
      commit.catch(() => {});
      begun.push(commit);
      inFlight.push(commit);
      if (inFlight.length > this.#random.between(0, 4)) await Promise.all(inFlight.splice(0));
    }
    await Promise.all(inFlight);
  }

  /** Checks a log that was opened after a crash when so many commits had been acknowledged. Returns how many it kept. */
  async check(log: Log, acknowledged: number): Promise<number> {
    const kept = Number(log.checkpoints.get(COUNTER) ?? '0');
    expect(kept, 'an acknowledged commit is lost').toBeGreaterThanOrEqual(acknowledged);
    expect(kept).toBeLessThanOrEqual(this.commits.length);
    const values = new Map<string, string[]>();
    const checkpoints = new Map<string, string>();
    for (const commit of this.commits.slice(0, kept)) {
      for (const { place, value } of commit.values) values.set(place, [...(values.get(place) ?? []), value]);
      for (const [name, value] of commit.checkpoints) {
        if (value === null) checkpoints.delete(name);
        else checkpoints.set(name, value);
      }
    }
    for (const [topic, partitions] of Object.entries(HISTORY_TOPICS)) {
      for (let partition = 0; partition < partitions; partition++) {
        const there = log.topics.get(topic) === undefined ? [] : await valuesIn(log, { topic, partition }, 700);
        expect(there, `${topic}-${partition} after ${kept} commits`).toEqual(values.get(`${topic}-${partition}`) ?? []);
      }
    }
    expect(log.checkpoints.list('')).toEqual([...checkpoints].sort(([a], [b]) => (a < b ? -1 : 1)));
    return kept;
  }

  /** Forgets the commits that a crash lost. */
  cutTo(kept: number): void {
    this.commits.splice(kept);
    this.acknowledged = kept;
  }

  #size(): number {
    const kind = this.#random.unit();
    if (kind < 0.1) return 0;
    return kind < 0.8 ? this.#random.between(1, 4) : this.#random.between(5, 40);
  }

  async #fill(transaction: LogTransaction, batches: number): Promise<{ place: string; value: string }[]> {
    const values: { place: string; value: string }[] = [];
    for (let i = 0; i < batches; i++) {
      const topic = this.#random.unit() < 0.6 ? 'a' : 'b';
      const partition = this.#random.between(0, HISTORY_TOPICS[topic] - 1);
      const batch = Array.from({ length: this.#random.between(1, 3) }, () => this.#value());
      await transaction.append(topic, partition, batchOf(batch));
      for (const value of batch) values.push({ place: `${topic}-${partition}`, value });
    }
    return values;
  }

  async #commit(transaction: LogTransaction, values: { place: string; value: string }[]): Promise<void> {
    const checkpoints: [string, string | null][] = [[COUNTER, String(this.commits.length + 1)]];
    for (const name of ['x', '__proto__']) {
      if (this.#random.unit() < 0.3) checkpoints.push([name, this.#random.unit() < 0.3 ? null : this.#value()]);
    }
    for (const [name, value] of checkpoints) transaction.checkpoint(name, value);
    const last = this.#random.unit() < 0.3 ? this.#value() : null;
    this.commits.push({
      values: last === null ? values : [...values, { place: 'a-0', value: last }],
      checkpoints,
    });
    const number = this.commits.length;
    await transaction.commit(() => (last === null ? [] : [{ topic: 'a', partition: 0, bytes: batchOf([last]) }]));
    expect(this.acknowledged, 'commits become durable in call order').toBe(number - 1);
    this.acknowledged = number;
  }

  #value(): string {
    return `${++this.#values}:${'v'.repeat(this.#random.between(0, 200))}`;
  }
}
