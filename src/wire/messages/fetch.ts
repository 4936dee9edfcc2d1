/**
 * Versions 0 to 3 expect message sets of older formats and are only refused. 7: sessions. 12: flexible. 13: topic ids
 * instead of names. 15: the replica id is tagged. Left out: tagged fields for followers and other leaders.
 * https://kafka.apache.org/protocol#The_Messages_Fetch
 */
import type { AnyApi } from './api.ts';
import {
  array,
  from,
  int8,
  int16,
  int32,
  int64,
  nullableArray,
  records,
  string,
  struct,
  tagged,
  until,
  uuid,
} from './schema.ts';

const request = struct({
  replicaId: until(14, int32, -1),
  replicaState: tagged(
    1,
    15,
    struct({
      replicaId: from(0, int32, -1),
      replicaEpoch: from(0, int64, -1n),
    }),
    { replicaId: -1, replicaEpoch: -1n },
  ),
  maxWaitMs: int32,
  minBytes: int32,
  maxBytes: from(3, int32, 2147483647),
  isolationLevel: from(4, int8, 0),
  sessionId: from(7, int32, 0),
  sessionEpoch: from(7, int32, -1),
  topics: array(
    struct({
      topic: until(12, string, ''),
      topicId: from(13, uuid),
      partitions: array(
        struct({
          partition: int32,
          currentLeaderEpoch: from(9, int32, -1),
          fetchOffset: int64,
          lastFetchedEpoch: from(12, int32, -1),
          logStartOffset: from(5, int64, -1n),
          partitionMaxBytes: int32,
        }),
      ),
    }),
  ),
  forgottenTopicsData: from(
    7,
    array(
      struct({
        topic: until(12, string, ''),
        topicId: from(13, uuid),
        partitions: array(int32),
      }),
    ),
  ),
  rackId: from(11, string, ''),
});

const response = struct({
  throttleTimeMs: from(1, int32, 0),
  errorCode: from(7, int16),
  sessionId: from(7, int32, 0),
  responses: array(
    struct({
      topic: until(12, string, ''),
      topicId: from(13, uuid),
      partitions: array(
        struct({
          partitionIndex: int32,
          errorCode: int16,
          highWatermark: int64,
          lastStableOffset: from(4, int64, -1n),
          logStartOffset: from(5, int64, -1n),
          abortedTransactions: from(
            4,
            nullableArray(
              struct({
                producerId: int64,
                firstOffset: int64,
              }),
            ),
          ),
          preferredReadReplica: from(11, int32, -1),
          records,
        }),
      ),
    }),
  ),
});

export const fetch = {
  key: 1,
  name: 'Fetch',
  firstVersion: 0,
  lastVersion: 16,
  flexibleFrom: 12,
  request,
  response,
} satisfies AnyApi;
