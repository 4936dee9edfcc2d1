/**
 * 3: flexible. 4: states. 5: types.
 * https://kafka.apache.org/protocol#The_Messages_ListGroups
 */
import type { AnyApi } from './api.ts';
import { array, from, int16, int32, string, struct } from './schema.ts';

const request = struct({
  statesFilter: from(4, array(string)),
  typesFilter: from(5, array(string)),
});

const response = struct({
  throttleTimeMs: from(1, int32, 0),
  errorCode: int16,
  groups: array(
    struct({
      groupId: string,
      protocolType: string,
      groupState: from(4, string),
      groupType: from(5, string),
    }),
  ),
});

export const listGroups = {
  key: 16,
  name: 'ListGroups',
  firstVersion: 0,
  lastVersion: 5,
  flexibleFrom: 3,
  request,
  response,
} satisfies AnyApi;
