/**
 * 1: prefixed patterns. 2: flexible.
 * https://kafka.apache.org/protocol#The_Messages_DescribeAcls
 */
import type { AnyApi } from './api.ts';
import { array, from, int8, int16, int32, nullableString, string, struct } from './schema.ts';

const request = struct({
  resourceTypeFilter: int8,
  resourceNameFilter: nullableString,
  patternTypeFilter: from(1, int8, 3),
  principalFilter: nullableString,
  hostFilter: nullableString,
  operation: int8,
  permissionType: int8,
});

const response = struct({
  throttleTimeMs: from(0, int32, 0),
  errorCode: int16,
  errorMessage: nullableString,
  resources: array(
    struct({
      resourceType: int8,
      resourceName: string,
      patternType: from(1, int8, 3),
      acls: array(
        struct({
          principal: string,
          host: string,
          operation: int8,
          permissionType: int8,
        }),
      ),
    }),
  ),
});

export const describeAcls = {
  key: 29,
  name: 'DescribeAcls',
  firstVersion: 0,
  lastVersion: 3,
  flexibleFrom: 2,
  request,
  response,
} satisfies AnyApi;
