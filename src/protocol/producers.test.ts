import { describe, expect, test } from 'vitest';
import fc from '../../test/support/fast-check.ts';
import { MemoryLog } from '../../test/support/memory-log.ts';
import type { LogTransaction } from '../contracts/log.ts';
import { KafkaError } from '../wire/messages/error-codes.ts';
import { LogWriter } from './log-writer.ts';
import { Producers } from './producers.ts';

const PLACE = { topic: 't', partition: 0 };
const WRAP = 2 ** 31;

/** Appends at once, as if every commit were durable immediately; keeps the checkpoints. */
class Store {
  readonly values = new Map<string, string>();
  readonly checkpoints = {
    get: (name: string) => this.values.get(name),
    list: (prefix: string) => [...this.values].filter(([name]) => name.startsWith(prefix)),
  };
  /** What the log knows, for a state that does not. */
  readonly located: bigint[] = [];
  readonly #appended = new Map<string, bigint>();
  producers = this.#open();
  next = 0n;
  now = 0;

  get transaction(): LogTransaction {
    return {
      checkpoint: (name: string, value: string | null) =>
        value === null ? this.values.delete(name) : this.values.set(name, value),
    } as unknown as LogTransaction;
  }

  /** Offset, or error code. */
  async produce(producerId: bigint, producerEpoch: number, baseSequence: number, count: number) {
    const batch = { producerId, producerEpoch, baseSequence, count };
    const verdict = this.producers.judge(PLACE, batch);
    if (verdict.kind === 'refused') return verdict.errorCode;
    if (verdict.kind === 'duplicate') return verdict.offset;
    const offset = this.next;
    this.next += BigInt(count);
    this.#appended.set(`${producerId} ${producerEpoch} ${baseSequence}`, offset);
    const evicted = this.producers.append(PLACE, batch, Promise.resolve(offset), offset - 1n, this.now);
    if (evicted !== null) this.values.delete(evicted);
    this.producers.store(PLACE, producerId, this.transaction);
    return offset;
  }

  #open(): Producers {
    return new Producers(this.checkpoints, async (_place, { producerId, producerEpoch, baseSequence }, from) => {
      const offset = this.#appended.get(`${producerId} ${producerEpoch} ${baseSequence}`) ?? -1n;
      expect(from).toBeLessThanOrEqual(offset);
      this.located.push(offset);
      return offset;
    });
  }

  restart(): void {
    this.producers = this.#open();
  }
}

describe('idempotent producers', () => {
  test('repeats, gaps, epochs', async () => {
    const store = new Store();
    expect(await store.produce(1n, 0, 0, 3)).toBe(0n);
    expect(await store.produce(1n, 0, 3, 2)).toBe(3n);
    expect(await store.produce(2n, 0, 0, 1)).toBe(5n);
    expect(await store.produce(1n, 0, 0, 3)).toBe(0n);
    expect(await store.produce(1n, 0, 3, 2)).toBe(3n);
    expect(await store.produce(1n, 0, 3, 3)).toBe(KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER);
    expect(await store.produce(1n, 0, 6, 1)).toBe(KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER);
    expect(await store.produce(1n, 1, 5, 1)).toBe(KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER);
    expect(await store.produce(1n, 1, 0, 1)).toBe(6n);
    expect(await store.produce(1n, 0, 5, 1)).toBe(KafkaError.INVALID_PRODUCER_EPOCH);
  });

  test('the same after a restart', async () => {
    const store = new Store();
    await store.produce(1n, 0, 0, 3);
    await store.produce(1n, 0, 3, 2);
    store.restart();
    // The state was written before the newest batch had its offset: that one is looked up, once.
    for (let i = 0; i < 2; i++) {
      expect(await store.produce(1n, 0, 3, 2)).toBe(3n);
      expect(await store.produce(1n, 0, 0, 3)).toBe(0n);
    }
    expect(store.located).toEqual([3n]);
    expect(await store.produce(1n, 0, 9, 2)).toBe(KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER);
    expect(await store.produce(1n, 0, 5, 1)).toBe(5n);
  });

  test('sequences go from the largest to zero', async () => {
    const store = new Store();
    expect(await store.produce(1n, 0, WRAP - 2, 1)).toBe(0n);
    expect(await store.produce(1n, 0, WRAP - 1, 3)).toBe(1n);
    expect(await store.produce(1n, 0, 2, 1)).toBe(4n);
    expect(await store.produce(1n, 0, WRAP - 1, 3)).toBe(1n);
  });

  test('a repeat of a batch that is on its way has the same outcome as the batch', async () => {
    const store = new Store();
    const batch = { producerId: 1n, producerEpoch: 0, baseSequence: 0, count: 1 };
    const { promise, resolve } = Promise.withResolvers<bigint>();
    store.producers.append(PLACE, batch, promise, 0n, 0);
    const verdict = store.producers.judge(PLACE, batch);
    expect(verdict).toMatchObject({ kind: 'duplicate' });
    resolve(42n);
    expect(verdict.kind === 'duplicate' && (await verdict.offset)).toBe(42n);
  });

  test('a failed commit is forgotten, back to what is durable', async () => {
    const store = new Store();
    await store.produce(1n, 0, 0, 1);
    const batch = { producerId: 1n, producerEpoch: 0, baseSequence: 1, count: 1 };
    store.producers.append(PLACE, batch, Promise.resolve(9n), 0n, 0);
    store.producers.restore(PLACE, 1n);
    expect(await store.produce(1n, 0, 1, 1)).toBe(1n);
    store.producers.append(PLACE, { ...batch, producerId: 7n }, Promise.resolve(9n), 0n, 0);
    store.producers.restore(PLACE, 7n);
    expect(await store.produce(7n, 0, 5, 1)).toBe(2n);
  });

  test('silent producers are forgotten after a day', async () => {
    const store = new Store();
    await store.produce(1n, 0, 0, 1);
    store.now = 80_000_000;
    await store.produce(2n, 0, 0, 1);
    const removed: (readonly [string, string | null])[] = [];
    const log = new MemoryLog();
    const begin = log.begin.bind(log);
    log.begin = (name, epoch) => {
      const transaction = begin(name, epoch);
      return { ...transaction, checkpoint: (key, value) => void removed.push([key, value]) };
    };
    await store.producers.expire(86_400_001, await LogWriter.open(log));
    expect(removed).toEqual([['kafka/producer/t/0/1', null]]);
    expect(await store.produce(1n, 0, 5, 1)).toBe(2n);
    expect(await store.produce(2n, 0, 5, 1)).toBe(KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER);
  });

  test('the one that was silent longest makes room, with its checkpoint', async () => {
    const store = new Store();
    for (let id = 0n; id <= 20_000n; id++) await store.produce(id, 0, 0, 1);
    expect(store.values.size).toBe(20_000);
    expect(store.values.has('kafka/producer/t/0/0')).toBe(false);
  });

  /**
   * The model remembers everything that was appended; the producer sends what is next, repeats of what it sent lately, and
   * nonsense. Nothing is appended twice, nothing out of order, and repeats have their first offset, over restarts.
   */
  test('random histories', async () => {
    const step = fc.record({
      producer: fc.nat(2),
      what: fc.constantFrom('next', 'next', 'next', 'repeat', 'gap', 'epoch', 'old', 'restart'),
      count: fc.integer({ min: 1, max: 4 }),
      back: fc.integer({ min: 1, max: 8 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.constantFrom(0, WRAP - 5), async (steps, start) => {
        const store = new Store();
        const sent = [0, 1, 2].map(() => [] as { epoch: number; first: number; count: number; offset: bigint }[]);
        const epochs = [0, 0, 0];
        const nexts = [start, start, start];
        for (const { producer, what, count, back } of steps) {
          const mine = sent[producer]!;
          const epoch = epochs[producer]!;
          const next = nexts[producer]!;
          const produce = (first: number, n = count, e = epoch) => store.produce(BigInt(producer), e, first, n);
          if (what === 'restart') store.restart();
          else if (what === 'next') {
            const offset = store.next;
            expect(await produce(next)).toBe(offset);
            mine.push({ epoch, first: next, count, offset });
            nexts[producer] = (next + count) % WRAP;
          } else if (what === 'epoch') {
            epochs[producer] = epoch + 1;
            nexts[producer] = 0;
          } else if (what === 'gap' && mine.at(-1)?.epoch === epoch) {
            expect(await produce((next + back) % WRAP)).toBe(KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER);
          } else if (what === 'old' && mine.at(-1)?.epoch === epoch && epoch > 0) {
            expect(await produce(next, 1, epoch - 1)).toBe(KafkaError.INVALID_PRODUCER_EPOCH);
          } else if (what === 'repeat') {
            const again = mine.at(-back);
            if (again === undefined || again.epoch !== mine.at(-1)!.epoch) continue;
            const answer = await produce(again.first, again.count, again.epoch);
            expect(answer).toBe(back <= 5 ? again.offset : KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER);
          }
        }
        expect(store.next).toBe(sent.flat().reduce((sum, { count }) => sum + BigInt(count), 0n));
      }),
      { numRuns: process.env.TAILRACE_FULL === undefined ? 300 : 20_000 },
    );
  });
});
