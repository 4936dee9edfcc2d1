/** What is not PostgreSQL's stream: typed errors and nothing else; and the stream cut at every byte. */

import { Duplex } from 'node:stream';
import type pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { Random } from '../../demo/shop/random.ts';
import { TailraceError } from '../../src/sdk/index.ts';
import { postgresScenes } from '../../test/support/postgres-source.ts';
import {
  capturedTables,
  decode,
  decodeStreamed,
  recordStream,
  streamDecoder,
} from '../../test/support/recorded-stream.ts';
import { type RecordedTransaction, RecordingOutput } from '../../test/support/recording-output.ts';
import { testSeed } from '../../test/support/seed.ts';
import { streamEverything } from '../../test/support/streamed-scene.ts';
import { SqlSession } from './connections.ts';
import type { SourceOptions } from './names.ts';
import { STREAM_COMMIT } from './pgoutput-streaming.ts';
import type { CapturedTable } from './publication.ts';
import { ReplicationStream } from './replication-stream.ts';

const scene = postgresScenes({ logical_decoding_work_mem: '64kB' });
const full = process.env.TAILRACE_FULL !== undefined;

interface Recorded {
  readonly messages: readonly Buffer[];
  readonly captured: readonly CapturedTable[];
  readonly sql: SqlSession;
}

async function record(): Promise<Recorded> {
  const made = await scene(['public.t'], 'create table t (id int primary key, v text, a int[])');
  const { client } = made;
  const messages = await recordStream(
    made,
    async () => {
      await client.query(`insert into t values (1, E'a\\tb', '{1,NULL}'), (2, null, null)`);
      await client.query(`begin; update t set v = 'x' where id = 1; update t set id = 3 where id = 2; commit`);
      await client.query('begin; delete from t where id = 3; truncate t; commit');
      await client.query('alter table t add n numeric');
      await client.query(`begin; select pg_logical_emit_message(true, 'p', 'within'); commit`);
      await client.query(`select pg_logical_emit_message(false, 'prefix', 'alone')`);
      await client.query(`insert into t values (5, repeat('é', 30), null, 1.10)`);
    },
    { proto_version: '2', messages: 'true' },
  );
  const sql = remembering(made.options);
  onTestFinished(() => sql.close());
  return { messages, sql, captured: await capturedTables(sql, ['public.t']) };
}

/** Two transactions side by side, subtransactions, aborts of both. */
async function recordStreamed(): Promise<Recorded> {
  const made = await scene(['public.t'], 'create table t (id int primary key, v text, a int[])');
  const [one, two] = [made.client, await made.connect()];
  // What fits into the server's memory is sent at once from version 16 on only.
  const size = made.server.major >= 16 ? 1 : 3_000;
  const insert = (id: number) =>
    `insert into t select ${id}, string_agg(md5(random()::text), '') from generate_series(1, ${size})`;
  await streamEverything(made);
  const messages = await recordStream(
    made,
    async () => {
      await one.query(`begin; ${insert(1)}; savepoint a; ${insert(2)}; savepoint b; ${insert(3)}`);
      await two.query(`begin; ${insert(11)}; savepoint c; ${insert(12)}; release c`);
      await one.query(`rollback to a; ${insert(4)}; ${insert(5)}; commit`);
      await two.query('rollback');
      await two.query(`begin; ${insert(13)}; update t set id = 14 where id = 13; delete from t where id = 1; commit`);
    },
    { proto_version: '2', streaming: 'on' },
  );
  expect(messages.filter((message) => message[0] === STREAM_COMMIT)).toHaveLength(2);
  const sql = remembering(made.options);
  onTestFinished(() => sql.close());
  return { messages, sql, captured: await capturedTables(sql, ['public.t']) };
}

/** Asks each question once: hundreds of decoders ask the same. */
function remembering(from: SourceOptions): SqlSession {
  const session = new SqlSession(from);
  const answers = new Map<string, Promise<object[]>>();
  const rows = (text: string, values: unknown[] = []) => {
    const question = JSON.stringify([text, values]);
    const known = answers.get(question) ?? session.rows(text, values);
    answers.set(question, known);
    return known;
  };
  return { rows, close: () => session.close() } as unknown as SqlSession;
}

/** One byte changed, some left out, some put in, the end cut off, a message twice, lost or moved. */
function damage(random: Random, list: readonly Buffer[]): Buffer[] {
  const damaged = list.map((message) => Buffer.from(message));
  const at = random.between(0, damaged.length - 1);
  const message = damaged[at]!;
  const place = random.between(0, message.length - 1);
  const cut = message.subarray(0, place);
  random.pick([
    () => void (message[place] = random.between(0, 255)),
    () => void (message[place] = random.pick([0, 0x7f, 0x80, 0xff])),
    () => void (damaged[at] = Buffer.concat([cut, message.subarray(place + random.between(1, 8))])),
    () =>
      void (damaged[at] = Buffer.concat([
        cut,
        Buffer.alloc(random.between(1, 8), random.between(0, 255)),
        message.subarray(place),
      ])),
    () => void (damaged[at] = cut),
    () => void damaged.splice(at, 1),
    () => void damaged.splice(at, 0, message),
    () => void damaged.splice(random.between(0, damaged.length - 1), 0, ...damaged.splice(at, 1)),
  ])();
  return damaged;
}

test.each([
  ['a damaged stream', record, decode, full ? 100_000 : 3_000],
  ['a damaged stream of transactions that run', recordStreamed, decodeStreamed, full ? 30_000 : 600],
])('invariant 5: %s gives typed errors, whatever is damaged', async (_, recorded, read, runs) => {
  const seed = testSeed;
  console.log(`fuzz: seed ${seed} (TAILRACE_SEED)`);
  const random = new Random(seed);
  const { messages, captured, sql } = await recorded();
  let refused = 0;
  for (let run = 0; run < runs; run++) {
    const error = await read(sql, captured, damage(random, messages)).then(
      () => null,
      (reason: unknown) => reason,
    );
    if (error === null) continue;
    refused++;
    expect(error, `run ${run}`).toBeInstanceOf(TailraceError);
    expect((error as TailraceError).code).toMatch(/^source\.(unsupported|gap)$/);
  }
  expect(refused).toBeGreaterThan(runs / 4);
});

/** The bytes that the server sends after START_REPLICATION: CopyBoth, then one CopyData for each message and keepalive. */
function wire(messages: readonly Buffer[]): Buffer {
  const keepalive = Buffer.alloc(18);
  keepalive.write('k', 'latin1');
  const parts = messages.flatMap((message, i) => {
    const data = Buffer.concat([Buffer.from('w'), Buffer.alloc(24), message]);
    return i % 5 === 0 ? [frame('d', keepalive), frame('d', data)] : [frame('d', data)];
  });
  return Buffer.concat([frame('W', Buffer.from([0, 0, 0])), ...parts]);
}

function frame(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(type, 'latin1');
  head.writeInt32BE(4 + body.length, 1);
  return Buffer.concat([head, body]);
}

async function stream({ sql, captured }: Recorded, pieces: readonly Buffer[]): Promise<RecordedTransaction[]> {
  const output = new RecordingOutput();
  const socket = Object.assign(new Duplex({ read: () => {}, write: (_, __, done) => done() }), {
    setNoDelay: () => {},
  });
  const reader = streamDecoder(sql, captured, output);
  const replication = new ReplicationStream({
    client: { connection: { stream: socket } } as unknown as pg.Client,
    slot: 's',
    options: '()',
    from: 0n,
    now: Date.now,
    take: (buf, from, to) => reader.take(buf, from, to),
    keepalive: (lsn) => reader.keepalive(lsn),
    afterRead: () => undefined,
  });
  for (const piece of pieces) {
    socket.push(piece);
    await new Promise(setImmediate);
  }
  await output.until(() => output.transactions.length === 6);
  replication.stop();
  return output.transactions;
}

test('the stream cut at any byte gives the same rows', async () => {
  const recorded = await record();
  const bytes = wire(recorded.messages);
  const whole = await decode(recorded.sql, recorded.captured, recorded.messages);
  expect(whole.flatMap(({ rows }) => rows)).toHaveLength(9);
  for (let at = 1; at < bytes.length; at++) {
    const got = await stream(recorded, [bytes.subarray(0, at), bytes.subarray(at)]);
    expect(got, `cut at ${at}`).toEqual(whole);
  }
  const single = Array.from({ length: bytes.length }, (_, i) => bytes.subarray(i, i + 1));
  expect(await stream(recorded, single)).toEqual(whole);
});
