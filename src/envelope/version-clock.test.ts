import { expect, test } from 'vitest';
import fc from '../../test/support/fast-check.ts';
import { VersionClock } from './version-clock.ts';

const NOW_MS = 1_795_263_978_774;
const DAY_US = 86_400_000_000n;

/** The rule as it is written: `max(previous + 1, t_µs × 256)`, times cut to a day ahead of ours. */
function model(previous: bigint, timeUs: number): bigint {
  const limit = BigInt(NOW_MS) * 1_000n + DAY_US;
  const time = BigInt(timeUs) < limit ? BigInt(timeUs) : limit;
  return previous + 1n > time * 256n ? previous + 1n : time * 256n;
}

const times = fc.oneof(
  fc.integer({ min: NOW_MS * 1_000 - 5, max: NOW_MS * 1_000 + 5 }),
  fc.constantFrom(0, 1, 2 ** 24, 2 ** 24 - 1, NOW_MS * 1_000 + Number(DAY_US), Number.MAX_SAFE_INTEGER),
  fc.maxSafeNat(),
);
const starts = fc.oneof(
  fc.constantFrom(0n, 0xffffffffn, 0x1_0000_0000n, 2n ** 62n, BigInt(NOW_MS) * 256_000n - 1n),
  fc.bigInt({ min: 0n, max: 2n ** 62n }),
);

test('invariant 7: versions never go back, whatever the clock of the source does', () => {
  fc.assert(
    fc.property(
      starts,
      fc.array(fc.tuple(times, fc.nat(5)), { minLength: 1, maxLength: 10 }),
      (start, transactions) => {
        const clock = new VersionClock(String(start));
        let last = start;
        for (const [timeUs, records] of transactions) {
          clock.observe(timeUs, NOW_MS);
          for (let i = 0; i < records; i++) {
            clock.advance();
            expect(clock.value()).toBe(model(last, timeUs));
            expect(clock.value()).toBeGreaterThan(last);
            last = clock.value();
          }
        }
      },
    ),
    { numRuns: 2_000 },
  );
});

test('a time of more than a day ahead is cut and told', () => {
  const clock = new VersionClock(null);
  const limit = NOW_MS * 1_000 + Number(DAY_US);
  expect(clock.observe(limit, NOW_MS)).toBe(false);
  expect(clock.observe(limit + 1, NOW_MS)).toBe(true);
  clock.advance();
  expect(clock.value()).toBe(BigInt(limit) * 256n);
});

test('both halves roll over', () => {
  const clock = new VersionClock('4294967295');
  clock.advance();
  expect([clock.high, clock.low]).toEqual([1, 0]);
  expect(clock.value()).toBe(4_294_967_296n);
  clock.observe(2 ** 24 * 3, NOW_MS);
  clock.advance();
  expect([clock.high, clock.low]).toEqual([3, 0]);
});
