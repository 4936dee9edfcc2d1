/**
 * 2: null for all topics. 6: flexible. 7: whether pending transactions count. 8: several groups at once.
 * https://kafka.apache.org/protocol#The_Messages_OffsetFetch
 */
import type { AnyApi } from './api.ts';
import {
  array,
  between,
  bool,
  from,
  int16,
  int32,
  int64,
  nullableArray,
  nullableString,
  string,
  struct,
  until,
} from './schema.ts';

const request = struct({
  groupId: until(7, string, ''),
  topics: until(
    7,
    nullableArray(
      struct({
        name: string,
        partitionIndexes: array(int32),
      }),
    ),
    null,
  ),
  groups: from(
    8,
    array(
      struct({
        groupId: string,
        memberId: from(9, nullableString, null),
        memberEpoch: from(9, int32, -1),
        topics: nullableArray(
          struct({
            name: string,
            partitionIndexes: array(int32),
          }),
        ),
      }),
    ),
  ),
  requireStable: from(7, bool, false),
});

const response = struct({
  throttleTimeMs: from(3, int32, 0),
  topics: until(
    7,
    array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            committedOffset: int64,
            committedLeaderEpoch: from(5, int32, -1),
            metadata: nullableString,
            errorCode: int16,
          }),
        ),
      }),
    ),
    [],
  ),
  errorCode: between(2, 7, int16, 0),
  groups: from(
    8,
    array(
      struct({
        groupId: string,
        topics: array(
          struct({
            name: string,
            partitions: array(
              struct({
                partitionIndex: int32,
                committedOffset: int64,
                committedLeaderEpoch: from(0, int32, -1),
                metadata: nullableString,
                errorCode: int16,
              }),
            ),
          }),
        ),
        errorCode: from(0, int16, 0),
      }),
    ),
  ),
});

export const offsetFetch = {
  key: 9,
  name: 'OffsetFetch',
  firstVersion: 0,
  lastVersion: 9,
  flexibleFrom: 6,
  request,
  response,
} satisfies AnyApi;
