/** https://kafka.apache.org/protocol#The_Messages_ListPartitionReassignments */
import type { AnyApi } from './api.ts';
import { array, int16, int32, nullableArray, nullableString, string, struct } from './schema.ts';

const request = struct({
  timeoutMs: int32,
  topics: nullableArray(struct({ name: string, partitionIndexes: array(int32) })),
});

const response = struct({
  throttleTimeMs: int32,
  errorCode: int16,
  errorMessage: nullableString,
  topics: array(
    struct({
      name: string,
      partitions: array(
        struct({
          partitionIndex: int32,
          replicas: array(int32),
          addingReplicas: array(int32),
          removingReplicas: array(int32),
        }),
      ),
    }),
  ),
});

export const listPartitionReassignments = {
  key: 46,
  name: 'ListPartitionReassignments',
  firstVersion: 0,
  lastVersion: 0,
  flexibleFrom: 0,
  request,
  response,
} satisfies AnyApi;
