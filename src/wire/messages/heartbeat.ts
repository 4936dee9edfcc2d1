/**
 * 3: static members. 4: flexible.
 * https://kafka.apache.org/protocol#The_Messages_Heartbeat
 */
import type { AnyApi } from './api.ts';
import { from, int16, int32, nullableString, string, struct } from './schema.ts';

const request = struct({
  groupId: string,
  generationId: int32,
  memberId: string,
  groupInstanceId: from(3, nullableString, null),
});

const response = struct({
  throttleTimeMs: from(1, int32, 0),
  errorCode: int16,
});

export const heartbeat = {
  key: 12,
  name: 'Heartbeat',
  firstVersion: 0,
  lastVersion: 4,
  flexibleFrom: 4,
  request,
  response,
} satisfies AnyApi;
