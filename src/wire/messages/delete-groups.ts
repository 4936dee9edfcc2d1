/**
 * 2: flexible.
 * https://kafka.apache.org/protocol#The_Messages_DeleteGroups
 */
import type { AnyApi } from './api.ts';
import { array, from, int16, int32, string, struct } from './schema.ts';

const request = struct({
  groupsNames: array(string),
});

const response = struct({
  throttleTimeMs: from(0, int32, 0),
  results: array(
    struct({
      groupId: string,
      errorCode: int16,
    }),
  ),
});

export const deleteGroups = {
  key: 42,
  name: 'DeleteGroups',
  firstVersion: 0,
  lastVersion: 2,
  flexibleFrom: 2,
  request,
  response,
} satisfies AnyApi;
