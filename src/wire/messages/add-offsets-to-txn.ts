/**
 * 3: flexible. 4: the client knows TRANSACTION_ABORTABLE.
 * https://kafka.apache.org/protocol#The_Messages_AddOffsetsToTxn
 */
import type { AnyApi } from './api.ts';
import { from, int16, int32, int64, string, struct } from './schema.ts';

const request = struct({
  transactionalId: string,
  producerId: int64,
  producerEpoch: int16,
  groupId: string,
});

const response = struct({
  throttleTimeMs: from(0, int32, 0),
  errorCode: int16,
});

export const addOffsetsToTxn = {
  key: 25,
  name: 'AddOffsetsToTxn',
  firstVersion: 0,
  lastVersion: 4,
  flexibleFrom: 3,
  request,
  response,
} satisfies AnyApi;
