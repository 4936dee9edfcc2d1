/** The transactional outbox: messages that rows of a table and logical messages are, as a Kafka client gets them. */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type IHeaders, Kafka, logLevel } from 'kafkajs';
import { expect, test } from 'vitest';
import { freePort } from '../../demo/servers/free-port.ts';
import { postgresScenes, type Scene } from '../support/postgres-source.ts';
import { Project, until } from '../support/project.ts';

const scenes = postgresScenes();

const PIPELINE = `
name: shop
source:
  type: postgres
  url: \${SOURCE_URL}
  tables: [public.orders, public.outbox, app.said]
  messages: { table: app.said, prefixes: [note] }
  transform:
    - outbox:
        table: outbox
        topic: events.{aggregate_type}
        key: aggregate_id
        value: payload
        headers: { event: type }
    - outbox: { table: app.said, topic: "said.{prefix}", value: content, id: lsn }
    - drop: [secret]
sinks:
  copy:
    type: sqlite
    path: ./copy.db
`;

const DDL = `
  create schema app;
  create table orders (id int primary key, state text, secret text);
  create table outbox (id int primary key, aggregate_type text, aggregate_id uuid, type text, payload json);
  insert into outbox values (0, 'order', '${uuid(0)}', 'created', '{"n":  1.50, "n": 2e400}')`;

const TRANSACTIONS = 24;

function uuid(n: number): string {
  return `00000000-0000-0000-0000-${String(n).padStart(12, '0')}`;
}

interface Got {
  readonly key: string | null;
  readonly value: string | null;
  readonly id: string;
  readonly event: string | null;
  readonly version: bigint;
}

/** Every third writes to another topic, every fifth does not come to pass; rows of the outbox are deleted at once. */
async function write(made: Scene, from: number, to: number): Promise<void> {
  for (let i = from; i <= to; i++) {
    const type = i % 3 === 0 ? 'customer' : 'order';
    await made.client.query(`begin;
      insert into orders values (${i}, 'new', 'hidden');
      insert into outbox values (${i}, '${type}', '${uuid(i % 4)}', 'created', '{"i": ${i}.0}');
      select pg_logical_emit_message(true, 'note', 'é ${i}');
      delete from outbox where id = ${i};
      ${i % 5 === 0 ? 'rollback' : 'commit'}`);
  }
}

/** What is in topics by now, in order. */
async function messagesOf(kafka: Kafka, topics: readonly string[]): Promise<Map<string, Got[]>> {
  const admin = kafka.admin();
  await admin.connect();
  let left = 0;
  for (const topic of topics) {
    for (const { high } of await admin.fetchTopicOffsets(topic)) left += Number(high);
  }
  await admin.disconnect();
  const consumer = kafka.consumer({ groupId: 'outside', maxWaitTimeInMs: 50 });
  await consumer.connect();
  await consumer.subscribe({ topics: [...topics], fromBeginning: true });
  const got = new Map<string, Got[]>(topics.map((topic) => [topic, []]));
  await new Promise<void>((resolve) => {
    void consumer.run({
      eachMessage: async ({ topic, message: { key, value, headers } }) => {
        const text = (name: keyof IHeaders) => headers?.[name]?.toString() ?? null;
        const version = (headers!['tr-version'] as Buffer).readBigUInt64BE();
        const texts = { key: key?.toString() ?? null, value: value?.toString() ?? null };
        got.get(topic)!.push({ ...texts, id: text('id')!, event: text('event'), version });
        if (--left === 0) resolve();
      },
    });
  });
  await consumer.disconnect();
  return got;
}

const committed = Array.from({ length: TRANSACTIONS }, (_, i) => i + 1).filter((i) => i % 5 !== 0);

test('invariant 3: messages come once each, in the order of the commits, through kill -9; rows of the outbox are nowhere', async () => {
  const made = await scenes([], DDL);
  const port = await freePort();
  const settings = `instance: ${made.options.name}\nkafka:\n  listen: 127.0.0.1:${port}\n`;
  const project = await Project.make(PIPELINE, { SOURCE_URL: made.url }, settings);
  const kafka = new Kafka({ clientId: 't', brokers: [`127.0.0.1:${port}`], logLevel: logLevel.NOTHING });
  const first = project.start();
  await until('it reads', async () => (await first.status())?.pipelines[0]?.sources[0]?.state === 'streaming', first);
  await write(made, 1, 8);
  first.kill();
  await first.exited;
  await write(made, 9, 16);
  for (const failpoint of ['source.before-commit:1', 'source.after-commit:1']) {
    expect((await project.start(failpoint).exited).signal).toBe('SIGKILL');
  }
  const running = project.start();
  await write(made, 17, TRANSACTIONS);
  await made.client.query(
    `insert into outbox values (99, 'order', null, null, null); update outbox set payload = '5' where id = 0`,
  );
  await made.client.query(`insert into orders values (99, 'last', 'hidden')`);
  const database = () => new DatabaseSync(join(project.dir, 'copy.db'), { timeout: 5_000 });
  await until(
    'the last order is copied',
    async () => {
      const open = database();
      const row = open.prepare('select count(*) as n from orders where id = 99').get();
      open.close();
      return row?.n === 1;
    },
    running,
  );

  const topics = ['shop.events.order', 'shop.events.customer', 'shop.said.note', 'shop.public.outbox'];
  const got = await messagesOf(kafka, topics);
  const [orders, customers, said, rows] = topics.map((topic) => got.get(topic)!) as [Got[], Got[], Got[], Got[]];
  expect(orders.map(({ version: _, ...message }) => message)).toEqual([
    { key: uuid(0), value: '{"n":  1.50, "n": 2e400}', id: '0', event: 'created' },
    ...committed
      .filter((i) => i % 3 !== 0)
      .map((i) => ({ key: uuid(i % 4), value: `{"i": ${i}.0}`, id: String(i), event: 'created' })),
    { key: null, value: null, id: '99', event: null },
  ]);
  expect(customers.map(({ id }) => Number(id))).toEqual(committed.filter((i) => i % 3 === 0));
  expect(said.map(({ value }) => value)).toEqual(committed.map((i) => `é ${i}`));
  expect(new Set(said.map(({ id }) => id)).size).toBe(committed.length);
  for (const all of [orders, customers, said]) {
    for (let i = 1; i < all.length; i++) expect(all[i]!.version > all[i - 1]!.version).toBe(true);
  }

  const tables = database();
  const names = tables
    .prepare(`select name from sqlite_schema where type = 'table' and name not like '\\_%' escape '\\'`)
    .all();
  expect(names.map(({ name }) => name)).toEqual(['orders']);
  expect(tables.prepare('select count(*) as n from orders').get()).toEqual({ n: committed.length + 1 });
  tables.close();
  expect(rows).toEqual([]);
  const described = await project.run(['topics', 'describe', 'shop.events.order', '--json']);
  expect(described.stdout).toContain('"cleanup.policy"');
  expect(described.stdout).toMatch(/"cleanup\.policy",\s*"value":\s*"delete"/);
  const read = await project.run(['topics', 'read', 'shop.events.customer']);
  expect(read.stdout).toContain('{"i": 3.0}');
  const verified = await project.run(['verify', 'shop']);
  expect([verified.code, verified.stderr + verified.stdout]).toEqual([
    0,
    expect.stringContaining('its rows are messages'),
  ]);
  const forged = kafka.producer({ retry: { retries: 0 } });
  await forged.connect();
  await expect(forged.send({ topic: 'shop.events.order', messages: [{ value: 'x' }] })).rejects.toThrow();
  await forged.disconnect();
  expect((await running.stop()).code).toBe(0);
});
