/**
 * 3: flexible. From 4 on it is for brokers, about several transactions at once, and not known here.
 * https://kafka.apache.org/protocol#The_Messages_AddPartitionsToTxn
 */
import type { AnyApi } from './api.ts';
import { array, from, int16, int32, int64, string, struct } from './schema.ts';

const request = struct({
  transactionalId: string,
  producerId: int64,
  producerEpoch: int16,
  topics: array(
    struct({
      name: string,
      partitions: array(int32),
    }),
  ),
});

const response = struct({
  throttleTimeMs: from(0, int32, 0),
  results: array(
    struct({
      name: string,
      resultsByPartition: array(
        struct({
          partitionIndex: int32,
          partitionErrorCode: int16,
        }),
      ),
    }),
  ),
});

export const addPartitionsToTxn = {
  key: 24,
  name: 'AddPartitionsToTxn',
  firstVersion: 0,
  lastVersion: 3,
  flexibleFrom: 3,
  request,
  response,
} satisfies AnyApi;
