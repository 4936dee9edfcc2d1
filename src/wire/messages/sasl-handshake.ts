/**
 * After version 0 the tokens follow outside any message, after version 1 in SaslAuthenticate. Never flexible.
 * https://kafka.apache.org/protocol#The_Messages_SaslHandshake
 */
import type { AnyApi } from './api.ts';
import { array, int16, string, struct } from './schema.ts';

const request = struct({
  mechanism: string,
});

const response = struct({
  errorCode: int16,
  mechanisms: array(string),
});

export const saslHandshake = {
  key: 17,
  name: 'SaslHandshake',
  firstVersion: 0,
  lastVersion: 1,
  flexibleFrom: Infinity,
  request,
  response,
} satisfies AnyApi;
