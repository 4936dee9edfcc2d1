/**
 * 2: flexible.
 * https://kafka.apache.org/protocol#The_Messages_CreatePartitions
 */
import type { AnyApi } from './api.ts';
import { array, bool, from, int16, int32, nullableArray, nullableString, string, struct } from './schema.ts';

const request = struct({
  topics: array(
    struct({
      name: string,
      count: int32,
      assignments: nullableArray(
        struct({
          brokerIds: array(int32),
        }),
      ),
    }),
  ),
  timeoutMs: int32,
  validateOnly: bool,
});

const response = struct({
  throttleTimeMs: from(0, int32, 0),
  results: array(
    struct({
      name: string,
      errorCode: int16,
      errorMessage: from(0, nullableString, null),
    }),
  ),
});

export const createPartitions = {
  key: 37,
  name: 'CreatePartitions',
  firstVersion: 0,
  lastVersion: 3,
  flexibleFrom: 2,
  request,
  response,
} satisfies AnyApi;
