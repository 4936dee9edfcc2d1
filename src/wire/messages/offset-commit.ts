/**
 * Version 0 is outside any group. 5: no retention time any more. 7: static members. 8: flexible.
 * https://kafka.apache.org/protocol#The_Messages_OffsetCommit
 */
import type { AnyApi } from './api.ts';
import { array, between, from, int16, int32, int64, nullableString, string, struct } from './schema.ts';

const request = struct({
  groupId: string,
  generationIdOrMemberEpoch: from(1, int32, -1),
  memberId: from(1, string),
  groupInstanceId: from(7, nullableString, null),
  retentionTimeMs: between(2, 4, int64, -1n),
  topics: array(
    struct({
      name: string,
      partitions: array(
        struct({
          partitionIndex: int32,
          committedOffset: int64,
          committedLeaderEpoch: from(6, int32, -1),
          commitTimestamp: between(1, 1, int64, -1n),
          committedMetadata: nullableString,
        }),
      ),
    }),
  ),
});

const response = struct({
  throttleTimeMs: from(3, int32, 0),
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

export const offsetCommit = {
  key: 8,
  name: 'OffsetCommit',
  firstVersion: 0,
  lastVersion: 9,
  flexibleFrom: 8,
  request,
  response,
} satisfies AnyApi;
