/**
 * Always flexible. 1: kind of endpoint.
 * https://kafka.apache.org/protocol#The_Messages_DescribeCluster
 */
import type { AnyApi } from './api.ts';
import { array, bool, from, int8, int16, int32, nullableString, string, struct } from './schema.ts';

const request = struct({
  includeClusterAuthorizedOperations: bool,
  endpointType: from(1, int8, 1),
});

const response = struct({
  throttleTimeMs: from(0, int32, 0),
  errorCode: int16,
  errorMessage: from(0, nullableString, null),
  endpointType: from(1, int8, 1),
  clusterId: string,
  controllerId: from(0, int32, -1),
  brokers: array(
    struct({
      brokerId: int32,
      host: string,
      port: int32,
      rack: from(0, nullableString, null),
    }),
  ),
  clusterAuthorizedOperations: from(0, int32, -2147483648),
});

export const describeCluster = {
  key: 60,
  name: 'DescribeCluster',
  firstVersion: 0,
  lastVersion: 1,
  flexibleFrom: 0,
  request,
  response,
} satisfies AnyApi;
