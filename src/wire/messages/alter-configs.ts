/**
 * 2: flexible.
 * https://kafka.apache.org/protocol#The_Messages_AlterConfigs
 */
import type { AnyApi } from './api.ts';
import { array, bool, from, int8, int16, int32, nullableString, string, struct } from './schema.ts';

const request = struct({
  resources: array(
    struct({
      resourceType: int8,
      resourceName: string,
      configs: array(
        struct({
          name: string,
          value: nullableString,
        }),
      ),
    }),
  ),
  validateOnly: bool,
});

const response = struct({
  throttleTimeMs: from(0, int32, 0),
  responses: array(
    struct({
      errorCode: int16,
      errorMessage: nullableString,
      resourceType: int8,
      resourceName: string,
    }),
  ),
});

export const alterConfigs = {
  key: 33,
  name: 'AlterConfigs',
  firstVersion: 0,
  lastVersion: 2,
  flexibleFrom: 2,
  request,
  response,
} satisfies AnyApi;
