/**
 * 3: flexible, and fenced by the generation of the group. 5: it adds the group to the transaction by itself (KIP-890).
 * https://kafka.apache.org/protocol#The_Messages_TxnOffsetCommit
 */
import type { AnyApi } from './api.ts';
import { array, from, int16, int32, int64, nullableString, string, struct } from './schema.ts';

const request = struct({
  transactionalId: string,
  groupId: string,
  producerId: int64,
  producerEpoch: int16,
  generationId: from(3, int32, -1),
  memberId: from(3, string, ''),
  groupInstanceId: from(3, nullableString, null),
  topics: array(
    struct({
      name: string,
      partitions: array(
        struct({
          partitionIndex: int32,
          committedOffset: int64,
          committedLeaderEpoch: from(2, int32, -1),
          committedMetadata: nullableString,
        }),
      ),
    }),
  ),
});

const response = struct({
  throttleTimeMs: from(0, int32, 0),
  topics: array(
    struct({
      name: string,
      partitions: array(
        struct({
          partitionIndex: int32,
          errorCode: int16,
        }),
      ),
    }),
  ),
});

export const txnOffsetCommit = {
  key: 28,
  name: 'TxnOffsetCommit',
  firstVersion: 0,
  lastVersion: 5,
  flexibleFrom: 3,
  request,
  response,
} satisfies AnyApi;
