/**
 * Unmodified Kafka clients against the listener: what each writes, with every codec that it has, is read by each other one,
 * byte for byte over keys, values and headers, nulls and empty ones included.
 */

import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TailraceError } from '../../src/contracts/errors.ts';
import { TestBroker } from '../support/kafka-broker.ts';
import { Random } from '../support/random-message.ts';
import { testSeed } from '../support/seed.ts';
import { mustSkip } from '../support/skip.ts';
import { asTexts, kcatRead, kcatWrite } from './clients/kcat.ts';
import { anyMessages, type Message, shown, toLines } from './clients/lines.ts';
import { CLIENTS, type Client, CODECS, type Program, run } from './clients/programs.ts';

const seed = testSeed;
console.log(`Kafka clients: seed ${seed} (TAILRACE_SEED)`);
const COUNT = process.env.TAILRACE_FULL === undefined ? 200 : 20_000;
const PARTITIONS = 3;

interface Present extends Client {
  readonly program: Program;
}

async function present(client: Client): Promise<Present | null> {
  try {
    return { ...client, program: await client.find() };
  } catch (error) {
    if (!(error instanceof TailraceError) || error.code !== 'demo.missing') throw error;
    mustSkip(client.skipKey, `${error.message} ${error.remedy ?? ''}`.trim());
    return null;
  }
}

/** Of all messages, in whatever order partitions gave them. */
function digest(messages: readonly (readonly string[])[]): string {
  const lines = messages.map((fields) => fields.join(' ')).sort();
  return `${lines.length} ${createHash('sha256').update(lines.join('\n')).digest('hex')}`;
}

const topicOf = (writer: string, codec: string) => `${writer}-${codec}`;

describe('client matrix', async () => {
  const found: (Present | null)[] = [];
  for (const client of CLIENTS) found.push(await present(client));
  const clients = found.filter((client) => client !== null);
  const messages = anyMessages(COUNT, new Random(seed));
  const sentBy = ({ name }: Client) => (name === 'kcat' ? asTexts(messages) : messages);
  let broker: TestBroker;
  beforeAll(async () => {
    broker = await TestBroker.start({ topics: { defaultPartitions: PARTITIONS } });
    for (const { name, codecs } of clients) {
      for (const codec of codecs) {
        await broker.log.topics.ensure(topicOf(name, codec), { partitions: PARTITIONS, cleanup: 'delete' });
      }
    }
  });
  afterAll(() => broker.close());

  const write = async (client: Present) => {
    const { name, codecs, program } = client;
    if (name === 'kcat') {
      for (const codec of codecs) await kcatWrite(program, broker.address, topicOf(name, codec), codec, sentBy(client));
      return;
    }
    const targets = codecs.map((codec) => `${topicOf(name, codec)}:${codec}`);
    await run([...program.command, 'write', broker.address, ...targets], program.env ?? {}, toLines(messages));
  };
  const read = async ({ name, program }: Present, topics: readonly string[]) => {
    const count = topics.length * COUNT;
    if (name === 'kcat') return asShown(await kcatRead(program, broker.address, count, topics));
    const words = [...program.command, 'read', broker.address, String(count), ...topics];
    const lines = (await run(words, program.env ?? {}, '')).toString().trim().split('\n');
    return byTopic(lines.map((line) => line.split(' ')));
  };

  test.each(clients)('$name writes', async (client) => {
    await write(client);
    // In the log as it was sent: none of it more than once, and in its codec.
    for (const codec of client.codecs) {
      const topic = topicOf(client.name, codec);
      const ends = broker.log.topics.get(topic)!.partitions.map(({ endOffset }) => Number(endOffset));
      expect(
        ends.reduce((sum, end) => sum + end, 0),
        topic,
      ).toBeGreaterThanOrEqual(COUNT);
      const used = await codecsIn(broker, topic);
      expect(
        [...used].filter((bits) => bits !== CODECS.indexOf(codec) && bits !== 0),
        topic,
      ).toEqual([]);
      expect(used.has(CODECS.indexOf(codec)), topic).toBe(true);
    }
  });

  test.each(clients)('$name reads what all have written', async (client) => {
    const readable = clients.flatMap((writer) =>
      writer.codecs.filter((codec) => client.codecs.includes(codec)).map((codec) => ({ writer, codec })),
    );
    const seen = await read(
      client,
      readable.map(({ writer, codec }) => topicOf(writer.name, codec)),
    );
    const headers = client.name !== 'kcat';
    for (const { writer, codec } of readable) {
      const expected = sentBy(writer).map(([key, value, header]) => [key, value, headers ? header : null].map(shown));
      const topic = topicOf(writer.name, codec);
      expect(digest(seen.get(topic) ?? []), `${client.name} reads ${topic}`).toBe(digest(expected));
    }
  });
});

function byTopic(lines: readonly (readonly string[])[]): Map<string, string[][]> {
  const found = new Map<string, string[][]>();
  for (const [topic = '', ...fields] of lines) {
    const list = found.get(topic) ?? [];
    list.push(fields);
    found.set(topic, list);
  }
  return found;
}

function asShown(read: ReadonlyMap<string, readonly Message[]>): Map<string, string[][]> {
  return new Map([...read].map(([topic, list]) => [topic, list.map((message) => message.map(shown))]));
}

/** Codec bits of the batches in a topic. */
async function codecsIn({ log }: TestBroker, topic: string): Promise<Set<number>> {
  const used = new Set<number>();
  for (let partition = 0; partition < PARTITIONS; partition++) {
    for (const { bytes } of await log.read(topic, partition, 0n, 64 << 20)) used.add(bytes[22]! & 7);
  }
  return used;
}
