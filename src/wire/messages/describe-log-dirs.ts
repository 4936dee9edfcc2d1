/**
 * 2: flexible. 3: an error for the whole. 4: sizes of the directory.
 * https://kafka.apache.org/protocol#The_Messages_DescribeLogDirs
 */
import type { AnyApi } from './api.ts';
import { array, bool, from, int16, int32, int64, nullableArray, string, struct } from './schema.ts';

const request = struct({
  topics: nullableArray(struct({ topic: string, partitions: array(int32) })),
});

const response = struct({
  throttleTimeMs: int32,
  errorCode: from(3, int16, 0),
  results: array(
    struct({
      errorCode: int16,
      logDir: string,
      topics: array(
        struct({
          name: string,
          partitions: array(
            struct({ partitionIndex: int32, partitionSize: int64, offsetLag: int64, isFutureKey: bool }),
          ),
        }),
      ),
      totalBytes: from(4, int64, -1n),
      usableBytes: from(4, int64, -1n),
    }),
  ),
});

export const describeLogDirs = {
  key: 35,
  name: 'DescribeLogDirs',
  firstVersion: 0,
  lastVersion: 4,
  flexibleFrom: 2,
  request,
  response,
} satisfies AnyApi;
