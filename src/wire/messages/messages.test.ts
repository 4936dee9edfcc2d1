import { describe, expect, test } from 'vitest';
import { allApis, encode, Random, randomValue } from '../../../test/support/random-message.ts';
import { testSeed } from '../../../test/support/seed.ts';
import { ProtocolReader } from '../primitives.ts';
import { readRequestBody, readRequestHeader, readResponse, writeRequest, writeResponse } from './api.ts';
import { apiVersions } from './api-versions.ts';
import { fetch } from './fetch.ts';
import { heartbeat } from './heartbeat.ts';
import { metadata } from './metadata.ts';
import type { Codec } from './schema.ts';

const seed = testSeed;
console.log(`messages: seed ${seed} (TAILRACE_SEED)`);
const ROUNDS = Number(process.env.TAILRACE_WIRE_ROUNDS ?? (process.env.TAILRACE_FULL === undefined ? 20 : 2_000));
const apis = await allApis();

function decode(codec: Codec<unknown, never>, version: number, flexible: boolean, bytes: Buffer): unknown {
  const reader = new ProtocolReader(bytes);
  reader.flexible = flexible;
  const value = codec.read(reader, version);
  expect(reader.remaining).toBe(0);
  return value;
}

/** Every request and response in every version. */
const messages = apis.flatMap((api) =>
  Array.from({ length: api.lastVersion - api.firstVersion + 1 }, (_, i) => api.firstVersion + i).flatMap((version) =>
    (['request', 'response'] as const).map((kind) => {
      return {
        name: `${api.name} ${kind} ${version}`,
        codec: api[kind],
        version,
        flexible: version >= api.flexibleFrom,
      };
    }),
  ),
);

describe('messages', () => {
  test('what is written is read again, in every version', () => {
    const random = new Random(seed);
    for (const { name, codec, version, flexible } of messages) {
      for (let round = 0; round < ROUNDS; round++) {
        const value = randomValue(codec, version, random);
        expect(decode(codec, version, flexible, encode(codec, version, flexible, value)), name).toEqual(value);
      }
    }
  });

  test('a request, byte by byte: Heartbeat 3 and 4', () => {
    const request = { groupId: 'g', generationId: 5, memberId: 'm', groupInstanceId: null };
    const header = { correlationId: 7, clientId: 'c' };
    const classic = Buffer.concat(writeRequest(heartbeat, { ...header, apiVersion: 3 }, request)).toString('hex');
    expect(classic).toBe(`00000017${'000c0003'}${'00000007'}${'000163'}${'000167'}${'00000005'}${'00016d'}${'ffff'}`);
    const flexible = Buffer.concat(writeRequest(heartbeat, { ...header, apiVersion: 4 }, request)).toString('hex');
    // Tagged fields (none) after the header and at the end; the client id stays classic.
    expect(flexible).toBe(
      `00000016${'000c0004'}${'00000007'}${'000163'}${'00'}${'0267'}${'00000005'}${'026d'}${'00'}${'00'}`,
    );
    const reader = new ProtocolReader(Buffer.from(flexible, 'hex').subarray(4));
    expect(readRequestHeader(reader)).toEqual({ apiKey: 12, apiVersion: 4, correlationId: 7, clientId: 'c' });
    expect(readRequestBody(reader, heartbeat, 4)).toEqual(request);
  });

  test('a response, byte by byte: ApiVersions 0 and 3, whose header never has tagged fields', () => {
    const response = { errorCode: 35, apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 4 }] };
    const old = Buffer.concat(writeResponse(apiVersions, 0, 9, response)).toString('hex');
    expect(old).toBe(`00000010${'00000009'}${'0023'}${'00000001'}${'001200000004'}`);
    const flexible = Buffer.concat(writeResponse(apiVersions, 3, 9, response));
    expect(flexible.toString('hex')).toBe(
      `00000013${'00000009'}${'0023'}${'02'}${'00120000000400'}${'00000000'}${'00'}`,
    );
    expect(readResponse(flexible.subarray(4), apiVersions, 3)).toMatchObject({ correlationId: 9, response });
    // Other flexible responses have them.
    expect(Buffer.concat(writeResponse(heartbeat, 4, 9, { errorCode: 0 })).toString('hex')).toBe(
      `0000000c${'00000009'}${'00'}${'00000000'}${'0000'}${'00'}`,
    );
  });

  test('tagged fields: known ones are read, unknown ones are skipped, wrong sizes are refused', () => {
    const base = { maxWaitMs: 1, minBytes: 1, sessionId: 0, topics: [], forgottenTopicsData: [] };
    const replica = { ...base, replicaState: { replicaId: 3, replicaEpoch: -1n } };
    const frame = Buffer.concat(writeRequest(fetch, { apiVersion: 15, correlationId: 1, clientId: null }, replica));
    const body = frame.subarray(4 + 4 + 4 + 2 + 1);
    expect(fetch.request.read(flexible(body), 15).replicaState).toEqual(replica.replicaState);
    const tagAt = body.length - 16;
    expect(body.subarray(tagAt).toString('hex')).toBe(`01${'010d'}${'00000003'}${'ffffffffffffffff'}${'00'}`);
    const unknown = Buffer.concat([body.subarray(0, tagAt), Buffer.from('0163030a0b0c', 'hex')]);
    expect(fetch.request.read(flexible(unknown), 15)).toMatchObject({ replicaState: { replicaId: -1 } });
    const wrong = Buffer.from(body);
    wrong[tagAt + 2] = 12;
    expect(() => fetch.request.read(flexible(wrong), 15)).toThrow(malformed);
    const countless = Buffer.concat([body.subarray(0, tagAt), Buffer.from('ffffffff0f', 'hex')]);
    expect(() => fetch.request.read(flexible(countless), 15)).toThrow(malformed);
  });

  test('broken messages are read or refused with kafka.malformed, and never cost more than they weigh', () => {
    const random = new Random(seed);
    for (const { name, codec, version, flexible } of messages) {
      for (let round = 0; round < ROUNDS; round++) {
        const bytes = encode(codec, version, flexible, randomValue(codec, version, random));
        const broken = breakBytes(bytes, random);
        const reader = new ProtocolReader(broken);
        reader.flexible = flexible;
        try {
          const value = codec.read(reader, version);
          expect(elements(value), name).toBeLessThanOrEqual(broken.length);
        } catch (error) {
          expect(error, name).toEqual(malformed);
        }
      }
    }
  });

  test('bytes after the end of a request are ignored: librdkafka asks for all topics like this', () => {
    const frame = Buffer.from(`0003000c${'00000005'}${'000772646b61666b61'}${'00'}${'00000000'}${'010000'}`, 'hex');
    const reader = new ProtocolReader(frame);
    expect(readRequestHeader(reader)).toMatchObject({ apiKey: 3, apiVersion: 12, clientId: 'rdkafka' });
    expect(readRequestBody(reader, metadata, 12)).toMatchObject({ topics: null, allowAutoTopicCreation: false });
  });
});

const malformed = expect.objectContaining({ code: 'kafka.malformed' });

function flexible(bytes: Buffer): ProtocolReader {
  const reader = new ProtocolReader(bytes);
  reader.flexible = true;
  return reader;
}

/** Flips bits, cuts off, overwrites with extreme numbers. */
function breakBytes(bytes: Buffer, random: Random): Buffer {
  const broken = Buffer.from(bytes.subarray(0, random.next() < 0.3 ? random.below(bytes.length + 1) : bytes.length));
  for (let i = random.below(4); i > 0 && broken.length > 0; i--) {
    const at = random.below(broken.length);
    if (random.next() < 0.5) broken[at]! ^= 1 << random.below(8);
    else broken.fill(random.next() < 0.5 ? 0xff : 0x7f, at, Math.min(broken.length, at + 1 + random.below(5)));
  }
  return broken;
}

/** Array elements anywhere in a value. */
function elements(value: unknown): number {
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return 0;
  const children = Object.values(value).reduce((sum: number, child) => sum + elements(child), 0);
  return children + (Array.isArray(value) ? value.length : 0);
}
