/**
 * In version 0 an empty list of topics means all, later null does. 4: whether to create topics. 9: flexible. 10: topic
 * ids, which may stand for names from 12 on.
 * https://kafka.apache.org/protocol#The_Messages_Metadata
 */
import type { AnyApi } from './api.ts';
import {
  array,
  between,
  bool,
  from,
  int16,
  int32,
  nullableArray,
  nullableString,
  string,
  struct,
  uuid,
} from './schema.ts';

const request = struct({
  topics: nullableArray(
    struct({
      topicId: from(10, uuid),
      name: nullableString,
    }),
  ),
  allowAutoTopicCreation: from(4, bool, true),
  includeClusterAuthorizedOperations: between(8, 10, bool, false),
  includeTopicAuthorizedOperations: from(8, bool),
});

const response = struct({
  throttleTimeMs: from(3, int32, 0),
  brokers: array(
    struct({
      nodeId: int32,
      host: string,
      port: int32,
      rack: from(1, nullableString, null),
    }),
  ),
  clusterId: from(2, nullableString, null),
  controllerId: from(1, int32, -1),
  topics: array(
    struct({
      errorCode: int16,
      name: nullableString,
      topicId: from(10, uuid),
      isInternal: from(1, bool, false),
      partitions: array(
        struct({
          errorCode: int16,
          partitionIndex: int32,
          leaderId: int32,
          leaderEpoch: from(7, int32, -1),
          replicaNodes: array(int32),
          isrNodes: array(int32),
          offlineReplicas: from(5, array(int32)),
        }),
      ),
      topicAuthorizedOperations: from(8, int32, -2147483648),
    }),
  ),
  clusterAuthorizedOperations: between(8, 10, int32, -2147483648),
});

export const metadata = {
  key: 3,
  name: 'Metadata',
  firstVersion: 0,
  lastVersion: 12,
  flexibleFrom: 9,
  request,
  response,
} satisfies AnyApi;
