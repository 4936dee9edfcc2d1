/**
 * 2: flexible.
 * https://kafka.apache.org/protocol#The_Messages_DeleteRecords
 */
import type { AnyApi } from './api.ts';
import { array, from, int16, int32, int64, string, struct } from './schema.ts';

const request = struct({
  topics: array(
    struct({
      name: string,
      partitions: array(
        struct({
          partitionIndex: int32,
          offset: int64,
        }),
      ),
    }),
  ),
  timeoutMs: int32,
});

const response = struct({
  throttleTimeMs: from(0, int32, 0),
  topics: array(
    struct({
      name: string,
      partitions: array(
        struct({
          partitionIndex: int32,
          lowWatermark: int64,
          errorCode: int16,
        }),
      ),
    }),
  ),
});

export const deleteRecords = {
  key: 21,
  name: 'DeleteRecords',
  firstVersion: 0,
  lastVersion: 2,
  flexibleFrom: 2,
  request,
  response,
} satisfies AnyApi;
