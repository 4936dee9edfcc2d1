/**
 * 3: flexible, but never the header of the response. A version that we do not know is answered in version 0.
 * https://kafka.apache.org/protocol#The_Messages_ApiVersions
 */
import type { AnyApi } from './api.ts';
import { array, from, int16, int32, int64, string, struct, tagged } from './schema.ts';

const request = struct({
  clientSoftwareName: from(3, string),
  clientSoftwareVersion: from(3, string),
});

const response = struct({
  errorCode: int16,
  apiKeys: array(
    struct({
      apiKey: int16,
      minVersion: int16,
      maxVersion: int16,
    }),
  ),
  throttleTimeMs: from(1, int32, 0),
  supportedFeatures: tagged(
    0,
    3,
    array(
      struct({
        name: string,
        minVersion: int16,
        maxVersion: int16,
      }),
    ),
    [],
  ),
  finalizedFeaturesEpoch: tagged(1, 3, int64, -1n),
  finalizedFeatures: tagged(
    2,
    3,
    array(
      struct({
        name: string,
        maxVersionLevel: int16,
        minVersionLevel: int16,
      }),
    ),
    [],
  ),
});

export const apiVersions = {
  key: 18,
  name: 'ApiVersions',
  firstVersion: 0,
  lastVersion: 4,
  flexibleFrom: 3,
  request,
  response,
} satisfies AnyApi;
