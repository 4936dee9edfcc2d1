/**
 * 1: a rebalance timeout of its own. 4: the member id is given first (error 79). 5: static members. 6: flexible. 9: the
 * leader may be told to keep the assignment.
 * https://kafka.apache.org/protocol#The_Messages_JoinGroup
 */
import type { AnyApi } from './api.ts';
import { array, bool, bytes, from, int16, int32, nullableString, string, struct } from './schema.ts';

const request = struct({
  groupId: string,
  sessionTimeoutMs: int32,
  rebalanceTimeoutMs: from(1, int32, -1),
  memberId: string,
  groupInstanceId: from(5, nullableString, null),
  protocolType: string,
  protocols: array(
    struct({
      name: string,
      metadata: bytes,
    }),
  ),
  reason: from(8, nullableString, null),
});

const response = struct({
  throttleTimeMs: from(2, int32, 0),
  errorCode: int16,
  generationId: from(0, int32, -1),
  protocolType: from(7, nullableString, null),
  protocolName: nullableString,
  leader: string,
  skipAssignment: from(9, bool, false),
  memberId: string,
  members: array(
    struct({
      memberId: string,
      groupInstanceId: from(5, nullableString, null),
      metadata: bytes,
    }),
  ),
});

export const joinGroup = {
  key: 11,
  name: 'JoinGroup',
  firstVersion: 0,
  lastVersion: 9,
  flexibleFrom: 6,
  request,
  response,
} satisfies AnyApi;
