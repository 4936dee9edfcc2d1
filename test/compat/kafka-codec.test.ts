/**
 * Every request and response in every version that is offered, against Kafka's own codec (Java): what ours writes is read by
 * Kafka's to the same values and written again to the same bytes. What Kafka's wrote once is kept in
 * test/vectors/kafka-messages.txt and holds ours where there is no Java (TAILRACE_RECORD=1 writes it anew).
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { findKafka, findOldCodec, type KafkaJars } from '../../demo/servers/kafka-jars.ts';
import type { Codec } from '../../src/wire/messages/schema.ts';
import { ProtocolReader } from '../../src/wire/primitives.ts';
import { needServer } from '../support/need-server.ts';
import { allApis, encode, Random, randomValue } from '../support/random-message.ts';
import { testSeed } from '../support/seed.ts';
import { run } from './clients/programs.ts';
import { difference, parseExact } from './same-message.ts';

const seed = testSeed;
console.log(`Kafka codec: seed ${seed} (TAILRACE_SEED)`);
const ROUNDS = process.env.TAILRACE_FULL === undefined ? 3 : 240;
const VECTORS = new URL('../vectors/kafka-messages.txt', import.meta.url);
const CODEC = new URL('./clients/WireCodec.java', import.meta.url);
/** Fields that are null only from some version on. Ours has them nullable in all; the handlers write none there. */
const NULL_TOO_EARLY = /non-nullable field (name|protocolName|topics) was serialized as null/;
/** Ours writes a tagged field that has its default value, which Kafka's leaves out: Fetch requests, which only tests write. */
const TAGGED_DEFAULT = /^1 1[5-9] request$/;
const apis = await allApis();

interface Message {
  readonly name: string;
  /** API key, version and kind, as WireCodec reads them. */
  readonly head: string;
  readonly codec: Codec<unknown, never>;
  readonly version: number;
  readonly flexible: boolean;
}

const messages: readonly Message[] = apis.flatMap((api) =>
  Array.from({ length: api.lastVersion - api.firstVersion + 1 }, (_, i) => api.firstVersion + i).flatMap((version) =>
    (['request', 'response'] as const).map((kind) => ({
      name: `${api.name} ${version} ${kind}`,
      head: `${api.key} ${version} ${kind}`,
      codec: api[kind] as Codec<unknown, never>,
      version,
      flexible: version >= api.flexibleFrom,
    })),
  ),
);

/** Kafka's answers, one a line. */
async function kafkaCodec({ java, classPath }: KafkaJars, lines: readonly string[]): Promise<readonly string[]> {
  const options = ['-Dorg.slf4j.simpleLogger.defaultLogLevel=error', '-XX:TieredStopAtLevel=1'];
  const out = await run([java, ...options, '-cp', classPath, CODEC.pathname], {}, `${lines.join('\n')}\n`);
  return out.toString().trimEnd().split('\n');
}

function read({ codec, version, flexible }: Message, hex: string): unknown {
  const reader = new ProtocolReader(Buffer.from(hex, 'hex'));
  reader.flexible = flexible;
  const value = codec.read(reader, version);
  expect(reader.remaining).toBe(0);
  return value;
}

/** Ours reads what Kafka's wrote to what it meant, and writes the same bytes. */
function holds(message: Message, hex: string, json: string): void {
  const value = read(message, hex);
  expect(difference(value, parseExact(json)), message.name).toBe(null);
  if (TAGGED_DEFAULT.test(message.head)) return;
  expect(encode(message.codec, message.version, message.flexible, value).toString('hex'), message.name).toBe(hex);
}

describe('against a codec of Kafka', async () => {
  const [newest, old] = [
    await needServer('java-kafka-codec', findKafka),
    await needServer('java-kafka-codec', findOldCodec),
  ];

  test.skipIf(newest === null || old === null)('random messages, live', async () => {
    const random = new Random(seed);
    const sent = Array.from({ length: ROUNDS }, () => messages)
      .flat()
      .map((message) => {
        const value = randomValue(message.codec, message.version, random);
        return { message, hex: encode(message.codec, message.version, message.flexible, value).toString('hex') };
      });
    const lines = sent.map(({ message, hex }) => `${message.head} ${hex}`);
    const [first, second] = [await kafkaCodec(newest!, lines), await kafkaCodec(old!, lines)];
    expect([first.length, second.length]).toEqual([sent.length, sent.length]);
    const compared = new Map<string, string>();
    for (const [i, { message, hex }] of sent.entries()) {
      const answers = [first[i]!, second[i]!].filter((answer) => answer !== 'unsupported');
      expect(answers.length, `${message.name} in neither version of Kafka`).toBeGreaterThan(0);
      for (const answer of answers) {
        if (NULL_TOO_EARLY.test(answer)) continue;
        expect(answer.startsWith('failed'), `${message.name} ${hex}: ${answer}`).toBe(false);
        const space = answer.indexOf(' ');
        const again = answer.slice(0, space);
        expect(difference(read(message, hex), parseExact(answer.slice(space + 1))), message.name).toBe(null);
        holds(message, again, answer.slice(space + 1));
        if (!TAGGED_DEFAULT.test(message.head)) expect(again, message.name).toBe(hex);
        compared.set(message.head, `${message.head} ${answer}`);
      }
    }
    expect(compared.size).toBe(messages.length);
    if (process.env.TAILRACE_RECORD !== undefined) writeFileSync(VECTORS, `${[...compared.values()].join('\n')}\n`);
  });

  test('messages that Kafka wrote', () => {
    const byHead = new Map(messages.map((message) => [message.head, message]));
    const lines = readFileSync(VECTORS, 'utf8').trimEnd().split('\n');
    const held = new Set<string>();
    for (const line of lines) {
      const [key, version, kind, hex = '', ...json] = line.split(' ');
      const head = `${key} ${version} ${kind}`;
      const message = byHead.get(head);
      expect(message, head).toBeDefined();
      holds(message!, hex, json.join(' '));
      held.add(head);
    }
    expect(messages.filter(({ head }) => !held.has(head)).map(({ name }) => name)).toEqual([]);
  });
});
