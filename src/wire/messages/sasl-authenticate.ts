/**
 * 1: the lifetime of the session. 2: flexible.
 * https://kafka.apache.org/protocol#The_Messages_SaslAuthenticate
 */
import type { AnyApi } from './api.ts';
import { bytes, from, int16, int64, nullableString, struct } from './schema.ts';

const request = struct({
  authBytes: bytes,
});

const response = struct({
  errorCode: int16,
  errorMessage: nullableString,
  authBytes: bytes,
  sessionLifetimeMs: from(1, int64, 0n),
});

export const saslAuthenticate = {
  key: 36,
  name: 'SaslAuthenticate',
  firstVersion: 0,
  lastVersion: 2,
  flexibleFrom: 2,
  request,
  response,
} satisfies AnyApi;
