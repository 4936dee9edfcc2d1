/**
 * Versions 0 to 2 carry message sets of older formats and are only refused. 9: flexible. 11: the client knows
 * TRANSACTION_ABORTABLE. 12: partitions are added to a transaction by this request (KIP-890). Left out: the tagged addresses
 * of other leaders (10), which one node never sends.
 * https://kafka.apache.org/protocol#The_Messages_Produce
 */
import type { AnyApi } from './api.ts';
import { array, from, int16, int32, int64, nullableString, records, string, struct } from './schema.ts';

const request = struct({
  transactionalId: from(3, nullableString, null),
  acks: int16,
  timeoutMs: int32,
  topicData: array(
    struct({
      name: string,
      partitionData: array(
        struct({
          index: int32,
          records,
        }),
      ),
    }),
  ),
});

const response = struct({
  responses: array(
    struct({
      name: string,
      partitionResponses: array(
        struct({
          index: int32,
          errorCode: int16,
          baseOffset: int64,
          logAppendTimeMs: from(2, int64, -1n),
          logStartOffset: from(5, int64, -1n),
          recordErrors: from(
            8,
            array(
              struct({
                batchIndex: int32,
                batchIndexErrorMessage: from(0, nullableString, null),
              }),
            ),
          ),
          errorMessage: from(8, nullableString, null),
        }),
      ),
    }),
  ),
  throttleTimeMs: from(1, int32, 0),
});

export const produce = {
  key: 0,
  name: 'Produce',
  firstVersion: 0,
  lastVersion: 12,
  flexibleFrom: 9,
  request,
  response,
} satisfies AnyApi;
