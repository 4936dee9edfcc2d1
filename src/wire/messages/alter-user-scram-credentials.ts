/** https://kafka.apache.org/protocol#The_Messages_AlterUserScramCredentials */
import type { AnyApi } from './api.ts';
import { array, bytes, int8, int16, int32, nullableString, string, struct } from './schema.ts';

const request = struct({
  deletions: array(struct({ name: string, mechanism: int8 })),
  upsertions: array(
    struct({
      name: string,
      mechanism: int8,
      iterations: int32,
      salt: bytes,
      saltedPassword: bytes,
    }),
  ),
});

const response = struct({
  throttleTimeMs: int32,
  results: array(struct({ user: string, errorCode: int16, errorMessage: nullableString })),
});

export const alterUserScramCredentials = {
  key: 51,
  name: 'AlterUserScramCredentials',
  firstVersion: 0,
  lastVersion: 0,
  flexibleFrom: 0,
  request,
  response,
} satisfies AnyApi;
