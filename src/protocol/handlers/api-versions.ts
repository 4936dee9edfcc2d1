import { writeResponse } from '../../wire/messages/api.ts';
import { apiVersions } from '../../wire/messages/api-versions.ts';
import { KafkaError } from '../../wire/messages/error-codes.ts';
import { handler, type RegisteredApi } from '../request.ts';

type Apis = ReadonlyMap<number, RegisteredApi>;

/** Tells clients to end transactions in the newer way, in which each end gives the next epoch (KIP-890). */
const TRANSACTIONS = { name: 'transaction.version', level: 2 } as const;

/** Answers with what is registered: nothing is advertised that has no handler. */
export function apiVersionsHandler(apis: Apis): RegisteredApi {
  const { name, level } = TRANSACTIONS;
  return handler(apiVersions, () => ({
    errorCode: KafkaError.NONE,
    apiKeys: apiKeys(apis),
    // A least version of 0 cannot be said before version 4.
    supportedFeatures: [{ name, minVersion: 1, maxVersion: level }],
    finalizedFeaturesEpoch: 1n,
    finalizedFeatures: [{ name, minVersionLevel: level, maxVersionLevel: level }],
  }));
}

/**
 * The answer to an ApiVersions request of a version that we do not know: version 0, which every client reads, with the
 * whole list (KIP-511).
 */
export function unsupportedApiVersions(apis: Apis, correlationId: number): readonly Uint8Array[] {
  const response = { errorCode: KafkaError.UNSUPPORTED_VERSION, apiKeys: apiKeys(apis) };
  return writeResponse(apiVersions, 0, correlationId, response);
}

function apiKeys(apis: Apis) {
  return [...apis.values()]
    .map(({ api }) => ({ apiKey: api.key, minVersion: api.firstVersion, maxVersion: api.lastVersion }))
    .sort((a, b) => a.apiKey - b.apiKey);
}
