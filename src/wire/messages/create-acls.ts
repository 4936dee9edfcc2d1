/**
 * 1: prefixed patterns. 2: flexible.
 * https://kafka.apache.org/protocol#The_Messages_CreateAcls
 */
import type { AnyApi } from './api.ts';
import { array, from, int8, int16, int32, nullableString, string, struct } from './schema.ts';

const request = struct({
  creations: array(
    struct({
      resourceType: int8,
      resourceName: string,
      resourcePatternType: from(1, int8, 3),
      principal: string,
      host: string,
      operation: int8,
      permissionType: int8,
    }),
  ),
});

const response = struct({
  throttleTimeMs: from(0, int32, 0),
  results: array(
    struct({
      errorCode: int16,
      errorMessage: nullableString,
    }),
  ),
});

export const createAcls = {
  key: 30,
  name: 'CreateAcls',
  firstVersion: 0,
  lastVersion: 3,
  flexibleFrom: 2,
  request,
  response,
} satisfies AnyApi;
