/** From a request frame to its answer: who asks, what is offered to him, and the handler. */
import type { Clock } from '../contracts/plugin.ts';
import { type RequestHeader, readRequestHeader } from '../wire/messages/api.ts';
import { apiVersions } from '../wire/messages/api-versions.ts';
import { produce } from '../wire/messages/produce.ts';
import { saslAuthenticate } from '../wire/messages/sasl-authenticate.ts';
import { saslHandshake } from '../wire/messages/sasl-handshake.ts';
import { malformed, ProtocolReader, ProtocolWriter } from '../wire/primitives.ts';
import { unsupportedApiVersions } from './handlers/api-versions.ts';
import { answerToken } from './handlers/sasl.ts';
import type { Held } from './memory-budget.ts';
import type { Limits } from './options.ts';
import type { RegisteredApi, RequestContext } from './request.ts';
import { Access } from './security/access.ts';
import type { Acls } from './security/acls.ts';
import type { Session } from './security/session.ts';

/** What a client may send before it has proved who it is. */
const BEFORE_AUTHENTICATION = new Set([apiVersions.key, saslHandshake.key, saslAuthenticate.key]);

export interface DispatchOptions {
  /** By API key. */
  readonly apis: ReadonlyMap<number, RegisteredApi>;
  readonly limits: Limits;
  readonly clock: Clock;
  /** Null: nobody is restricted. */
  readonly acls: Acls | null;
}

export interface Caller {
  readonly session: Session;
  readonly clientHost: string;
  readonly signal: AbortSignal;
  /** As `RequestContext.mute`. */
  mute(ms: number): void;
}

export interface Answer {
  /** The response frame; null: none is wanted. */
  readonly pieces: readonly Uint8Array[] | null;
  /** Close the connection after it. */
  readonly close: boolean;
  /** Memory to be given back when it has been sent. */
  readonly held: readonly Held[];
}

/** Throws `kafka.malformed` for what cannot be answered. */
export async function dispatch(options: DispatchOptions, caller: Caller, frame: Buffer): Promise<Answer> {
  const { session, signal } = caller;
  if (session.expectsBareToken) return bareToken(options, session, frame, signal);
  const reader = new ProtocolReader(frame);
  const header = readRequestHeader(reader);
  const registered = options.apis.get(header.apiKey);
  if (session.user === null && !BEFORE_AUTHENTICATION.has(header.apiKey)) {
    throw malformed(`API ${header.apiKey} before authentication`, 0);
  }
  if (session.isExpired(options.clock.monotonic()) && !BEFORE_AUTHENTICATION.has(header.apiKey)) {
    throw malformed(`API ${header.apiKey} after the session has expired`, 0);
  }
  if (registered === undefined || !speaks(registered.api, header.apiVersion)) {
    if (header.apiKey !== apiVersions.key) throw malformed(unknown(header), 0);
    return { pieces: unsupportedApiVersions(options.apis, header.correlationId), close: false, held: [] };
  }
  if (header.apiKey !== produce.key && frame.length > options.limits.maxRequestBytes) {
    throw malformed(`${registered.api.name} request of ${frame.length} bytes`, 0);
  }
  const held: Held[] = [];
  let close = false;
  const context: RequestContext = {
    ...caller,
    header,
    access: new Access(options.acls, { user: session.user ?? '', host: caller.clientHost }),
    hold: (memory) => void held.push(memory),
    closeAfter: () => {
      close = true;
    },
  };
  try {
    const pieces = await registered.respond(reader, context);
    return { pieces, close, held };
  } catch (error) {
    for (const memory of held) memory.release();
    throw error;
  }
}

/** A token without any message around it, answered likewise; a failure has no answer. */
async function bareToken(
  { clock }: DispatchOptions,
  session: Session,
  token: Buffer,
  signal: AbortSignal,
): Promise<Answer> {
  const answer = await answerToken(session, token, clock, signal);
  if (typeof answer === 'string') return { pieces: null, close: true, held: [] };
  const writer = new ProtocolWriter();
  writer.byteString([answer]);
  return { pieces: writer.finish(), close: false, held: [] };
}

function speaks(api: RegisteredApi['api'], version: number): boolean {
  return version >= api.firstVersion && version <= api.lastVersion;
}

function unknown({ apiKey, apiVersion }: RequestHeader): string {
  return `API ${apiKey} version ${apiVersion} is not offered`;
}
