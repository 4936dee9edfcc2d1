/** https://kafka.apache.org/protocol#The_Messages_AlterPartitionReassignments */
import type { AnyApi } from './api.ts';
import { array, int16, int32, nullableArray, nullableString, string, struct } from './schema.ts';

const request = struct({
  timeoutMs: int32,
  topics: array(
    struct({
      name: string,
      /** Null replicas: a reassignment under way is called off. */
      partitions: array(struct({ partitionIndex: int32, replicas: nullableArray(int32) })),
    }),
  ),
});

const response = struct({
  throttleTimeMs: int32,
  errorCode: int16,
  errorMessage: nullableString,
  responses: array(
    struct({
      name: string,
      partitions: array(struct({ partitionIndex: int32, errorCode: int16, errorMessage: nullableString })),
    }),
  ),
});

export const alterPartitionReassignments = {
  key: 45,
  name: 'AlterPartitionReassignments',
  firstVersion: 0,
  lastVersion: 0,
  flexibleFrom: 0,
  request,
  response,
} satisfies AnyApi;
