/**
 * 4: flexible. 6: topic ids.
 * https://kafka.apache.org/protocol#The_Messages_DeleteTopics
 */
import type { AnyApi } from './api.ts';
import { array, from, int16, int32, nullableString, string, struct, until, uuid } from './schema.ts';

const request = struct({
  topics: from(
    6,
    array(
      struct({
        name: from(0, nullableString, null),
        topicId: uuid,
      }),
    ),
  ),
  topicNames: until(5, array(string), []),
  timeoutMs: int32,
});

const response = struct({
  throttleTimeMs: from(1, int32, 0),
  responses: array(
    struct({
      name: nullableString,
      topicId: from(6, uuid),
      errorCode: int16,
      errorMessage: from(5, nullableString, null),
    }),
  ),
});

export const deleteTopics = {
  key: 20,
  name: 'DeleteTopics',
  firstVersion: 0,
  lastVersion: 6,
  flexibleFrom: 4,
  request,
  response,
} satisfies AnyApi;
