/**
 * Never flexible.
 * https://kafka.apache.org/protocol#The_Messages_OffsetDelete
 */
import type { AnyApi } from './api.ts';
import { array, from, int16, int32, string, struct } from './schema.ts';

const request = struct({
  groupId: string,
  topics: array(
    struct({
      name: string,
      partitions: array(
        struct({
          partitionIndex: int32,
        }),
      ),
    }),
  ),
});

const response = struct({
  errorCode: int16,
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

export const offsetDelete = {
  key: 47,
  name: 'OffsetDelete',
  firstVersion: 0,
  lastVersion: 0,
  flexibleFrom: Infinity,
  request,
  response,
} satisfies AnyApi;
