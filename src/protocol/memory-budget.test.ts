import { describe, expect, test } from 'vitest';
import { MemoryBudget } from './memory-budget.ts';

const never = new AbortController().signal;

/** Whether it is settled now. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending');
  return (await Promise.race([promise, new Promise((resolve) => setImmediate(resolve, pending))])) !== pending;
}

describe('the memory budget', () => {
  test('first come, first served: a small request does not overtake a large one', async () => {
    const budget = new MemoryBudget(100);
    const first = await budget.acquire(60, never);
    const large = budget.acquire(80, never);
    const small = budget.acquire(10, never);
    expect([await settled(large), await settled(small), budget.contended]).toEqual([false, false, true]);
    first.release();
    const held = await large;
    expect([await settled(small), budget.usedBytes]).toEqual([true, 90]);
    held.release();
    held.release();
    expect([budget.usedBytes, budget.contended]).toEqual([10, false]);
  });

  test('more than everything is everything', async () => {
    const budget = new MemoryBudget(100);
    const all = await budget.acquire(1_000, never);
    expect(budget.usedBytes).toBe(100);
    all.release();
    expect(budget.usedBytes).toBe(0);
  });

  test('what is not needed is given back', async () => {
    const budget = new MemoryBudget(100);
    const first = await budget.acquire(100, never);
    const second = budget.acquire(50, never);
    first.shrinkTo(70);
    expect(await settled(second)).toBe(false);
    first.shrinkTo(50);
    first.shrinkTo(80);
    await second;
    expect(budget.usedBytes).toBe(100);
  });

  test('who gives up waiting makes way', async () => {
    const budget = new MemoryBudget(100);
    const first = await budget.acquire(50, never);
    const giveUp = new AbortController();
    const large = budget.acquire(80, giveUp.signal);
    const small = budget.acquire(10, never);
    giveUp.abort(new Error('gone'));
    await expect(large).rejects.toThrow('gone');
    await small;
    await expect(budget.acquire(1, giveUp.signal)).rejects.toThrow('gone');
    first.release();
    expect(budget.usedBytes).toBe(10);
  });
});
