/**
 * 3: several members at once, each answered. 4: flexible.
 * https://kafka.apache.org/protocol#The_Messages_LeaveGroup
 */
import type { AnyApi } from './api.ts';
import { array, from, int16, int32, nullableString, string, struct, until } from './schema.ts';

const request = struct({
  groupId: string,
  memberId: until(2, string, ''),
  members: from(
    3,
    array(
      struct({
        memberId: string,
        groupInstanceId: from(0, nullableString, null),
        reason: from(5, nullableString, null),
      }),
    ),
  ),
});

const response = struct({
  throttleTimeMs: from(1, int32, 0),
  errorCode: int16,
  members: from(
    3,
    array(
      struct({
        memberId: string,
        groupInstanceId: nullableString,
        errorCode: int16,
      }),
    ),
  ),
});

export const leaveGroup = {
  key: 13,
  name: 'LeaveGroup',
  firstVersion: 0,
  lastVersion: 5,
  flexibleFrom: 4,
  request,
  response,
} satisfies AnyApi;
