/**
 * 1: flexible.
 * https://kafka.apache.org/protocol#The_Messages_IncrementalAlterConfigs
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
          configOperation: int8,
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

export const incrementalAlterConfigs = {
  key: 44,
  name: 'IncrementalAlterConfigs',
  firstVersion: 0,
  lastVersion: 1,
  flexibleFrom: 1,
  request,
  response,
} satisfies AnyApi;
