/**
 * 3: static members. 4: flexible. 5: protocol type and name are compared and sent back.
 * https://kafka.apache.org/protocol#The_Messages_SyncGroup
 */
import type { AnyApi } from './api.ts';
import { array, bytes, from, int16, int32, nullableString, string, struct } from './schema.ts';

const request = struct({
  groupId: string,
  generationId: int32,
  memberId: string,
  groupInstanceId: from(3, nullableString, null),
  protocolType: from(5, nullableString, null),
  protocolName: from(5, nullableString, null),
  assignments: array(
    struct({
      memberId: string,
      assignment: bytes,
    }),
  ),
});

const response = struct({
  throttleTimeMs: from(1, int32, 0),
  errorCode: int16,
  protocolType: from(5, nullableString, null),
  protocolName: from(5, nullableString, null),
  assignment: bytes,
});

export const syncGroup = {
  key: 14,
  name: 'SyncGroup',
  firstVersion: 0,
  lastVersion: 5,
  flexibleFrom: 4,
  request,
  response,
} satisfies AnyApi;
