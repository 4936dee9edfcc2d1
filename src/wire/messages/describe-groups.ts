/**
 * 3: authorized operations. 4: static members. 5: flexible.
 * https://kafka.apache.org/protocol#The_Messages_DescribeGroups
 */
import type { AnyApi } from './api.ts';
import { array, bool, bytes, from, int16, int32, nullableString, string, struct } from './schema.ts';

const request = struct({
  groups: array(string),
  includeAuthorizedOperations: from(3, bool),
});

const response = struct({
  throttleTimeMs: from(1, int32, 0),
  groups: array(
    struct({
      errorCode: int16,
      groupId: string,
      groupState: string,
      protocolType: string,
      protocolData: string,
      members: array(
        struct({
          memberId: string,
          groupInstanceId: from(4, nullableString, null),
          clientId: string,
          clientHost: string,
          memberMetadata: bytes,
          memberAssignment: bytes,
        }),
      ),
      authorizedOperations: from(3, int32, -2147483648),
    }),
  ),
});

export const describeGroups = {
  key: 15,
  name: 'DescribeGroups',
  firstVersion: 0,
  lastVersion: 5,
  flexibleFrom: 5,
  request,
  response,
} satisfies AnyApi;
