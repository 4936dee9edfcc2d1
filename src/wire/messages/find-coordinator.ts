/**
 * 1: transactions beside groups. 3: flexible. 4: several keys at once.
 * https://kafka.apache.org/protocol#The_Messages_FindCoordinator
 */
import type { AnyApi } from './api.ts';
import { array, between, from, int8, int16, int32, nullableString, string, struct, until } from './schema.ts';

const request = struct({
  key: until(3, string, ''),
  keyType: from(1, int8, 0),
  coordinatorKeys: from(4, array(string)),
});

const response = struct({
  throttleTimeMs: from(1, int32, 0),
  errorCode: until(3, int16, 0),
  errorMessage: between(1, 3, nullableString, null),
  nodeId: until(3, int32, 0),
  host: until(3, string, ''),
  port: until(3, int32, 0),
  coordinators: from(
    4,
    array(
      struct({
        key: string,
        nodeId: int32,
        host: string,
        port: int32,
        errorCode: int16,
        errorMessage: nullableString,
      }),
    ),
  ),
});

export const findCoordinator = {
  key: 10,
  name: 'FindCoordinator',
  firstVersion: 0,
  lastVersion: 6,
  flexibleFrom: 3,
  request,
  response,
} satisfies AnyApi;
