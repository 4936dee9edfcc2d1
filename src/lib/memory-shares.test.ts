import { expect, test } from 'vitest';
import fc from '../../test/support/fast-check.ts';
import { memoryShares } from './memory-shares.ts';

test('the parts are no more than their half of the budget, and a request fits into its part', () => {
  fc.assert(
    fc.property(fc.integer({ min: 32 << 20, max: 2 ** 40 }), (total) => {
      const { log, kafka } = memoryShares(total);
      const sum = 4 * log.flushBytes + log.keyBytes + kafka.memoryBytes + kafka.transactionBytes;
      expect(sum).toBeLessThanOrEqual(total / 2);
      expect(kafka.maxProduceBytes).toBeLessThanOrEqual(kafka.memoryBytes);
      expect(kafka.maxFetchBytes).toBeLessThanOrEqual(kafka.memoryBytes);
      expect(log.stageBytes).toBeLessThanOrEqual(4 * log.flushBytes);
    }),
  );
});
