/** Random programs of calls to a log, run against it and against the naive one. */
import { isDeepStrictEqual } from 'node:util';
import { expect } from 'vitest';
import type { Log, LogTransaction } from '../../../src/contracts/log.ts';
import fc from '../../support/fast-check.ts';
import { batchOf, valuesIn } from '../../support/log-batches.ts';
import type { LogStore } from './log-under-test.ts';
import { NaiveLog, type NaiveRecord, type Visible } from './naive-log.ts';

const WRITERS = ['w0', 'w1', 'w2'] as const;
const TOPICS = { a: 1, b: 3, c: 2 } as const;

export type Call =
  | { readonly call: 'topic'; readonly name: keyof typeof TOPICS }
  | { readonly call: 'begin' | 'abort' | 'fence'; readonly writer: string }
  | { readonly call: 'append'; readonly writer: string; readonly place: number; readonly sizes: readonly number[] }
  | { readonly call: 'checkpoint'; readonly writer: string; readonly name: string; readonly value: string | null }
  | { readonly call: 'commit'; readonly writer: string; readonly finish: boolean; readonly wait: boolean }
  | { readonly call: 'turn' | 'check' | 'close' | 'kill' };

const writer = fc.constantFrom(...WRITERS);
const one = <C extends Call>(call: fc.Arbitrary<C>): fc.Arbitrary<Call> => call;

export const program: fc.Arbitrary<readonly Call[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: one(fc.record({ call: fc.constant('begin' as const), writer })) },
    {
      weight: 10,
      arbitrary: one(
        fc.record({
          call: fc.constant('append' as const),
          writer,
          place: fc.nat(5),
          sizes: fc.array(fc.oneof(fc.nat(40), fc.nat(3_000)), { minLength: 1, maxLength: 4 }),
        }),
      ),
    },
    {
      weight: 3,
      arbitrary: one(
        fc.record({
          call: fc.constant('checkpoint' as const),
          writer,
          name: fc.constantFrom('x', 'y', '__proto__'),
          value: fc.option(fc.string({ maxLength: 20 })),
        }),
      ),
    },
    {
      weight: 8,
      arbitrary: one(
        fc.record({ call: fc.constant('commit' as const), writer, finish: fc.boolean(), wait: fc.boolean() }),
      ),
    },
    { weight: 1, arbitrary: one(fc.record({ call: fc.constantFrom('abort' as const, 'fence' as const), writer })) },
    { weight: 1, arbitrary: one(fc.record({ call: fc.constant('topic' as const), name: fc.constantFrom('b', 'c') })) },
    {
      weight: 2,
      arbitrary: one(
        fc.record({ call: fc.constantFrom('turn' as const, 'check' as const, 'close' as const, 'kill' as const) }),
      ),
    },
  ),
  { minLength: 5, maxLength: 120, size: 'max' },
);

interface Open {
  readonly transaction: LogTransaction;
  readonly epoch: number;
  readonly records: NaiveRecord[];
  readonly checkpoints: [string, string | null][];
}

export class ProgramRun {
  readonly #store: LogStore;
  readonly #naive = new NaiveLog();
  readonly #open = new Map<string, Open>();
  readonly #epochs = new Map<string, number>();
  #inFlight: Promise<void>[] = [];
  #log!: Log;
  #values = 0;

  constructor(store: LogStore) {
    this.#store = store;
  }

  async run(calls: readonly Call[]): Promise<void> {
    this.#log = await this.#store.open();
    await this.#topic('a');
    for (const call of calls) await this.#call(call);
    await this.#crashed('close');
  }

  async #call(call: Call): Promise<void> {
    switch (call.call) {
      case 'topic':
        return this.#topic(call.name);
      case 'begin':
        return this.#begin(call.writer);
      case 'append':
        return this.#append(call.writer, call.place, call.sizes);
      case 'checkpoint':
        this.#open.get(call.writer)?.transaction.checkpoint(call.name, call.value);
        this.#open.get(call.writer)?.checkpoints.push([call.name, call.value]);
        return;
      case 'commit':
        return this.#commit(call.writer, call.finish, call.wait);
      case 'abort':
        await this.#open.get(call.writer)?.transaction.abort();
        this.#open.delete(call.writer);
        return;
      case 'fence':
        return this.#fence(call.writer);
      case 'turn':
        return new Promise((resolve) => setImmediate(resolve));
      case 'check':
        await this.#settle();
        return expect(await this.#visible()).toEqual(this.#naive.visible(this.#naive.durable));
      default:
        return this.#crashed(call.call);
    }
  }

  async #topic(name: keyof typeof TOPICS): Promise<void> {
    if (this.#naive.hasTopic(name)) return;
    const partitions = TOPICS[name];
    const durable = this.#naive.add({ kind: 'topic', name, partitions });
    await this.#log.topics.ensure(name, { partitions, cleanup: 'delete' });
    durable();
  }

  #begin(writer: string): void {
    if (this.#open.has(writer)) {
      const epoch = this.#open.get(writer)!.epoch;
      if (epoch === this.#naive.epoch(writer)) expect(() => this.#log.begin(writer, epoch)).toThrow(/open/);
      return;
    }
    const epoch = this.#epochs.get(writer) ?? this.#naive.epoch(writer);
    this.#open.set(writer, { transaction: this.#log.begin(writer, epoch), epoch, records: [], checkpoints: [] });
  }

  async #append(writer: string, at: number, sizes: readonly number[]): Promise<void> {
    const open = this.#open.get(writer);
    const places = (['a', 'b', 'c'] as const)
      .filter((name) => this.#naive.hasTopic(name))
      .flatMap((topic) => Array.from({ length: TOPICS[topic] }, (_, partition) => ({ topic, partition })));
    if (open === undefined) return;
    const { topic, partition } = places[at % places.length]!;
    const values = sizes.map((size) => this.#value(size));
    for (const value of values) open.records.push({ place: `${topic}-${partition}`, value });
    await open.transaction.append(topic, partition, batchOf(values));
  }

  async #commit(writer: string, finish: boolean, wait: boolean): Promise<void> {
    const open = this.#open.get(writer);
    if (open === undefined) return;
    this.#open.delete(writer);
    if (open.epoch !== this.#naive.epoch(writer)) {
      await expect(open.transaction.commit()).rejects.toMatchObject({ code: 'log.fenced' });
      return;
    }
    const last = finish ? this.#value(10) : null;
    const records = last === null ? open.records : [...open.records, { place: 'a-0', value: last }];
    const durable = this.#naive.add({ kind: 'commit', records, checkpoints: open.checkpoints });
    const ends = open.transaction.commit(() =>
      last === null ? [] : [{ topic: 'a', partition: 0, bytes: batchOf([last]) }],
    );
    const done = ends.then(durable);
    this.#inFlight.push(done);
    // Seen where all of them are awaited.
    done.catch(() => {});
    if (wait) await this.#settle();
  }

  /** Sometimes the writer keeps its old epoch: its commits must fail. */
  async #fence(writer: string): Promise<void> {
    const epoch = this.#naive.epoch(writer) + 1;
    if (this.#values % 3 === 0) this.#epochs.set(writer, epoch - 1);
    else this.#epochs.delete(writer);
    const durable = this.#naive.add({ kind: 'fence', writer, epoch });
    expect(await this.#log.fence(writer)).toBe(epoch);
    durable();
  }

  async #settle(): Promise<void> {
    await Promise.all(this.#inFlight.splice(0));
  }

  /** Closes or kills, opens again, and finds some number of steps, not below what was acknowledged. */
  async #crashed(how: 'close' | 'kill'): Promise<void> {
    if (how === 'close') await this.#settle();
    const acknowledged = this.#naive.durable;
    await this.#store[how]();
    await Promise.allSettled(this.#inFlight.splice(0));
    this.#open.clear();
    this.#epochs.clear();
    this.#log = await this.#store.open();
    const seen = await this.#visible();
    let kept = this.#naive.steps.length;
    while (kept > acknowledged && !isDeepStrictEqual(seen, this.#naive.visible(kept))) kept--;
    expect(seen, `${acknowledged} of ${this.#naive.steps.length} were acknowledged`).toEqual(this.#naive.visible(kept));
    const bounds = WRITERS.map((writer) => [this.#naive.epochAfter(acknowledged, writer), this.#naive.epoch(writer)]);
    this.#naive.cutTo(kept);
    for (const [i, writer] of WRITERS.entries()) await this.#adoptEpoch(writer, bounds[i]![0]!, bounds[i]![1]!);
  }

  /** Fences are not visible otherwise: the next one says which epoch was kept. */
  async #adoptEpoch(writer: string, acknowledged: number, called: number): Promise<void> {
    const epoch = await this.#log.fence(writer);
    expect(epoch - 1).toBeGreaterThanOrEqual(acknowledged);
    expect(epoch - 1).toBeLessThanOrEqual(called);
    this.#naive.add({ kind: 'fence', writer, epoch })();
  }

  async #visible(): Promise<Visible> {
    const values: Record<string, string[]> = {};
    for (const { name, partitions } of this.#log.topics.list()) {
      for (const { partition } of partitions) {
        values[`${name}-${partition}`] = await valuesIn(this.#log, { topic: name, partition }, 900);
      }
    }
    return { values, checkpoints: this.#log.checkpoints.list('') };
  }

  #value(size: number): string {
    return `${++this.#values}:${'v'.repeat(size)}`;
  }
}
