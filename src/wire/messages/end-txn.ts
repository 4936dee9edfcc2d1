/**
 * 3: flexible. 4: the client knows TRANSACTION_ABORTABLE. 5: every end gives the producer its next epoch (KIP-890).
 * https://kafka.apache.org/protocol#The_Messages_EndTxn
 */
import type { AnyApi } from './api.ts';
import { bool, from, int16, int32, int64, string, struct } from './schema.ts';

const request = struct({
  transactionalId: string,
  producerId: int64,
  producerEpoch: int16,
  committed: bool,
});

const response = struct({
  throttleTimeMs: from(0, int32, 0),
  errorCode: int16,
  producerId: from(5, int64, -1n),
  producerEpoch: from(5, int16, -1),
});

export const endTxn = {
  key: 26,
  name: 'EndTxn',
  firstVersion: 0,
  lastVersion: 5,
  flexibleFrom: 3,
  request,
  response,
} satisfies AnyApi;
