import { writeResponse } from '../../wire/messages/api.ts';
import { apiVersions } from '../../wire/messages/api-versions.ts';
import { KafkaError } from '../../wire/messages/error-codes.ts';
import { handler, type RegisteredApi } from '../request.ts';

type Apis = ReadonlyMap<number, RegisteredApi>;

/** Answers with what is registered: nothing is advertised that has no handler. */
export function apiVersionsHandler(apis: Apis): RegisteredApi {
  return handler(apiVersions, () => ({ errorCode: KafkaError.NONE, apiKeys: apiKeys(apis) }));
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
