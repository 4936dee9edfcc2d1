/** What a handler is given besides the request, and how handlers are listed. */
import { type AnyApi, type Api, type RequestHeader, readRequestBody, writeResponse } from '../wire/messages/api.ts';
import type { ProtocolReader } from '../wire/primitives.ts';
import type { Held } from './memory-budget.ts';
import type { Access } from './security/access.ts';
import type { Session } from './security/session.ts';

export interface RequestContext {
  readonly header: RequestHeader;
  /** Address of the client. */
  readonly clientHost: string;
  readonly session: Session;
  readonly access: Access;
  /** Aborts when the client is gone or the listener closes: answer at once with what there is. */
  readonly signal: AbortSignal;
  /** Hands over memory that the response takes; it is given back when the response has been sent. */
  hold(memory: Held): void;
  /** Nothing more that the client asks on this connection is begun for so long, ms. */
  mute(ms: number): void;
  /** Closes the connection after the responses that are due. */
  closeAfter(): void;
}

/** A handler with its types erased. Resolves to the response frame in pieces, or null where the client wants none. */
export interface RegisteredApi {
  readonly api: AnyApi;
  respond(reader: ProtocolReader, context: RequestContext): Promise<readonly Uint8Array[] | null>;
}

/**
 * @param handle resolves to the response, or to null for none. Throws only for what no response can say; the connection
 * is closed then.
 */
export function handler<Request, ResponseIn>(
  api: Api<Request, never, unknown, ResponseIn>,
  handle: (request: Request, context: RequestContext) => Promise<ResponseIn | null> | ResponseIn | null,
): RegisteredApi {
  return {
    api,
    async respond(reader, context) {
      const { apiVersion, correlationId } = context.header;
      const request = readRequestBody(reader, api, apiVersion);
      const response = await handle(request, context);
      return response === null ? null : writeResponse(api, apiVersion, correlationId, response);
    },
  };
}
