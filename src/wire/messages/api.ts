/**
 * Frames and headers around the messages. https://kafka.apache.org/protocol#protocol_messages
 *
 *     request:  size int32 · apiKey int16 · apiVersion int16 · correlationId int32 · clientId · [tagged fields] · body
 *     response: size int32 · correlationId int32 · [tagged fields] · body
 *
 * Tagged fields are there in flexible versions. The client id is a classic string in every version.
 */
import { malformed, ProtocolReader, ProtocolWriter } from '../primitives.ts';
import type { Codec } from './schema.ts';

/** One request and its response in all versions that are known here. */
export interface Api<Request, RequestIn, Response, ResponseIn> {
  readonly key: number;
  /** As in Kafka's documentation. */
  readonly name: string;
  readonly firstVersion: number;
  readonly lastVersion: number;
  /** First flexible version; Infinity for none. */
  readonly flexibleFrom: number;
  readonly request: Codec<Request, RequestIn>;
  readonly response: Codec<Response, ResponseIn>;
}

export type AnyApi = Api<unknown, never, unknown, never>;
export type RequestOf<A> = A extends Api<infer Request, infer _Q, infer _R, infer _S> ? Request : never;
/** What a handler answers with: fields with a default may be missing. */
export type ResponseOf<A> = A extends Api<infer _Q, infer _P, infer _R, infer ResponseIn> ? ResponseIn : never;

/** ApiVersions: its response header never has tagged fields, because the client may not yet know what we speak. */
const API_VERSIONS_KEY = 18;

export interface RequestHeader {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string | null;
}

/** The part of the header that every version of every request has; moves the reader behind it. */
export function readRequestHeader(reader: ProtocolReader): RequestHeader {
  return {
    apiKey: reader.int16(),
    apiVersion: reader.int16(),
    correlationId: reader.int32(),
    clientId: reader.classicString(),
  };
}

/**
 * The rest of the request after `readRequestHeader`. Throws `kafka.malformed`. Bytes after the end are ignored, as Kafka
 * does: librdkafka 2 writes three too many when it asks for all topics.
 */
export function readRequestBody<Request>(
  reader: ProtocolReader,
  api: Api<Request, never, unknown, never>,
  version: number,
): Request {
  reader.flexible = version >= api.flexibleFrom;
  if (reader.flexible) skipTaggedFields(reader);
  return api.request.read(reader, version);
}

/** A whole request frame. @returns pieces, size first */
export function writeRequest<RequestIn>(
  api: Api<unknown, RequestIn, unknown, never>,
  header: Omit<RequestHeader, 'apiKey'>,
  request: RequestIn,
): readonly Uint8Array[] {
  const writer = new ProtocolWriter();
  const version = header.apiVersion;
  writer.int16(api.key);
  writer.int16(version);
  writer.int32(header.correlationId);
  writer.classicString(header.clientId);
  writer.flexible = version >= api.flexibleFrom;
  if (writer.flexible) writer.unsignedVarint(0);
  api.request.write(writer, version, request);
  return framed(writer);
}

/** A whole response frame. @returns pieces, size first */
export function writeResponse<ResponseIn>(
  api: Api<unknown, never, unknown, ResponseIn>,
  version: number,
  correlationId: number,
  response: ResponseIn,
): readonly Uint8Array[] {
  const writer = new ProtocolWriter();
  writer.int32(correlationId);
  writer.flexible = version >= api.flexibleFrom;
  if (writer.flexible && api.key !== API_VERSIONS_KEY) writer.unsignedVarint(0);
  api.response.write(writer, version, response);
  return framed(writer);
}

/** A response frame without its size. */
export function readResponse<Response>(
  frame: Buffer,
  api: Api<unknown, never, Response, never>,
  version: number,
): { readonly correlationId: number; readonly response: Response } {
  const reader = new ProtocolReader(frame);
  const correlationId = reader.int32();
  reader.flexible = version >= api.flexibleFrom;
  if (reader.flexible && api.key !== API_VERSIONS_KEY) skipTaggedFields(reader);
  const response = api.response.read(reader, version);
  if (reader.remaining > 0) throw malformed(`${reader.remaining} bytes after the end of ${api.name}`, reader.at);
  return { correlationId, response };
}

function skipTaggedFields(reader: ProtocolReader): void {
  for (let left = reader.unsignedVarint(); left > 0; left--) {
    reader.unsignedVarint();
    reader.take(reader.unsignedVarint());
  }
}

function framed(writer: ProtocolWriter): readonly Uint8Array[] {
  const size = Buffer.allocUnsafe(4);
  size.writeInt32BE(writer.size);
  return [size, ...writer.finish()];
}
