/**
 * 1: a trial run. 4: -1 stands for the default number of partitions or replicas. 5: flexible, the configuration comes
 * back. 7: topic ids.
 * https://kafka.apache.org/protocol#The_Messages_CreateTopics
 */
import type { AnyApi } from './api.ts';
import {
  array,
  bool,
  from,
  int8,
  int16,
  int32,
  nullableArray,
  nullableString,
  string,
  struct,
  tagged,
  uuid,
} from './schema.ts';

const request = struct({
  topics: array(
    struct({
      name: string,
      numPartitions: int32,
      replicationFactor: int16,
      assignments: array(
        struct({
          partitionIndex: int32,
          brokerIds: array(int32),
        }),
      ),
      configs: array(
        struct({
          name: string,
          value: nullableString,
        }),
      ),
    }),
  ),
  timeoutMs: from(0, int32, 60000),
  validateOnly: from(1, bool, false),
});

const response = struct({
  throttleTimeMs: from(2, int32, 0),
  topics: array(
    struct({
      name: string,
      topicId: from(7, uuid),
      errorCode: int16,
      errorMessage: from(1, nullableString),
      topicConfigErrorCode: tagged(0, 5, int16, 0),
      numPartitions: from(5, int32, -1),
      replicationFactor: from(5, int16, -1),
      configs: from(
        5,
        nullableArray(
          struct({
            name: string,
            value: nullableString,
            readOnly: bool,
            configSource: from(0, int8, -1),
            isSensitive: bool,
          }),
        ),
      ),
    }),
  ),
});

export const createTopics = {
  key: 19,
  name: 'CreateTopics',
  firstVersion: 0,
  lastVersion: 7,
  flexibleFrom: 5,
  request,
  response,
} satisfies AnyApi;
