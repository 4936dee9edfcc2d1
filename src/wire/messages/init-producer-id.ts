/**
 * 2: flexible. 3: a transactional producer may ask for the next epoch of its id.
 * https://kafka.apache.org/protocol#The_Messages_InitProducerId
 */
import type { AnyApi } from './api.ts';
import { from, int16, int32, int64, nullableString, struct } from './schema.ts';

const request = struct({
  transactionalId: nullableString,
  transactionTimeoutMs: int32,
  producerId: from(3, int64, -1n),
  producerEpoch: from(3, int16, -1),
});

const response = struct({
  throttleTimeMs: from(0, int32, 0),
  errorCode: int16,
  producerId: from(0, int64, -1n),
  producerEpoch: int16,
});

export const initProducerId = {
  key: 22,
  name: 'InitProducerId',
  firstVersion: 0,
  lastVersion: 5,
  flexibleFrom: 2,
  request,
  response,
} satisfies AnyApi;
