/**
 * 2: fencing by epoch. 4: flexible.
 * https://kafka.apache.org/protocol#The_Messages_OffsetForLeaderEpoch
 */
import type { AnyApi } from './api.ts';
import { array, from, int16, int32, int64, string, struct } from './schema.ts';

const request = struct({
  replicaId: from(3, int32, -2),
  topics: array(
    struct({
      topic: string,
      partitions: array(
        struct({
          partition: int32,
          currentLeaderEpoch: from(2, int32, -1),
          leaderEpoch: int32,
        }),
      ),
    }),
  ),
});

const response = struct({
  throttleTimeMs: from(2, int32, 0),
  topics: array(
    struct({
      topic: string,
      partitions: array(
        struct({
          errorCode: int16,
          partition: int32,
          leaderEpoch: from(1, int32, -1),
          endOffset: from(0, int64, -1n),
        }),
      ),
    }),
  ),
});

export const offsetForLeaderEpoch = {
  key: 23,
  name: 'OffsetForLeaderEpoch',
  firstVersion: 0,
  lastVersion: 4,
  flexibleFrom: 4,
  request,
  response,
} satisfies AnyApi;
