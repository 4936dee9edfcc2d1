/**
 * Version 0 answers a list of offsets. 4: leader epochs. 6: flexible. 7: the latest timestamp (-3). 8: the local start (-4).
 * https://kafka.apache.org/protocol#The_Messages_ListOffsets
 */
import type { AnyApi } from './api.ts';
import { array, from, int8, int16, int32, int64, string, struct, until } from './schema.ts';

const request = struct({
  replicaId: int32,
  isolationLevel: from(2, int8),
  topics: array(
    struct({
      name: string,
      partitions: array(
        struct({
          partitionIndex: int32,
          currentLeaderEpoch: from(4, int32, -1),
          timestamp: int64,
          maxNumOffsets: until(0, int32, 1),
        }),
      ),
    }),
  ),
});

const response = struct({
  throttleTimeMs: from(2, int32, 0),
  topics: array(
    struct({
      name: string,
      partitions: array(
        struct({
          partitionIndex: int32,
          errorCode: int16,
          oldStyleOffsets: until(0, array(int64), []),
          timestamp: from(1, int64, -1n),
          offset: from(1, int64, -1n),
          leaderEpoch: from(4, int32, -1),
        }),
      ),
    }),
  ),
});

export const listOffsets = {
  key: 2,
  name: 'ListOffsets',
  firstVersion: 0,
  lastVersion: 8,
  flexibleFrom: 6,
  request,
  response,
} satisfies AnyApi;
