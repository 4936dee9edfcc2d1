/** Two databases that are each other's copies: what one writes into the other does not come back. */
import type pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { batch, change, column, openOptions, table } from '../../test/support/changes.ts';
import { postgresScenes, read, type Scene } from '../../test/support/postgres-source.ts';
import { checkSink, openSink } from './sink.ts';
import { sinkConfig } from './sink-config.ts';

const scene = postgresScenes({ max_replication_slots: '4' });
const signal = new AbortController().signal;
const T = table('t', [column('id', 'int32', 'integer', { key: 1 }), column('v', 'text', 'text')]);

async function sinkInto(url: string, origin: string) {
  const { sink } = await openSink(openOptions(sinkConfig.parse({ url, origin })));
  onTestFinished(() => sink.close());
  return async (id: number, v: string) => {
    await sink.write(batch([change(T, { op: 'insert', version: id, after: [id, v] })], { from: id }), signal);
    await sink.flush(signal);
  };
}

async function asRole({ client, url, options }: Scene): Promise<string> {
  await client.query(
    `create role writer_${options.name} login password 'x'; grant all on schema public to writer_${options.name}`,
  );
  const other = new URL(url);
  other.username = `writer_${options.name}`;
  other.password = 'x';
  return other.href;
}

const origins = async (client: pg.Client) =>
  (await client.query('select roname from pg_replication_origin')).rows.map(({ roname }) => roname);

test('a sink that writes under an origin into the table that is captured: the source leaves it out', async ({
  skip,
}) => {
  const made = await scene(['public.t'], 'create table t (id int primary key, v text)', { config: { origin: 'none' } });
  if (made.server.major < 16) skip();
  const reading = read(made.options);
  await reading.until(() => reading.output.transactions.length === 1);
  const write = await sinkInto(made.url, 'tailrace_loop');
  for (let id = 1; id <= 3; id++) {
    await write(id, 'from elsewhere');
    await made.client.query('insert into t values ($1)', [10 * id]);
  }
  await made.client.query(`update t set v = 'changed here' where id = 2`);
  await reading.until(() => reading.output.rows().length >= 4);
  expect(reading.output.rows().map(({ op, after }) => `${op} ${after!.id} ${after!.v}`)).toEqual([
    'c 10 null',
    'c 20 null',
    'c 30 null',
    'u 2 changed here',
  ]);
  expect((await made.client.query('select id from t order by id')).rows.map(({ id }) => id)).toEqual([
    1, 2, 3, 10, 20, 30,
  ]);
  expect(await origins(made.client)).toEqual(['tailrace_loop']);
  // The next session takes it over, two at a time may not have it.
  await expect(sinkInto(made.url, 'tailrace_loop')).rejects.toMatchObject({
    code: 'sink.unreachable',
    message: expect.stringContaining('another connection writes under'),
  });
});

test('a role that may not: the remedy mends it; none left', async () => {
  const made = await scene([], '');
  const url = await asRole(made);
  const options = openOptions(sinkConfig.parse({ url, origin: 'tailrace_role' }));
  const [found] = await checkSink(options);
  expect(found).toMatchObject({
    level: 'problem',
    message: expect.stringContaining('may not write under'),
    path: ['origin'],
  });
  await expect(openSink(options)).rejects.toMatchObject({ code: 'sink.not_ready', remedy: found!.remedy });
  await made.client.query(found!.remedy!);
  expect((await checkSink(options)).filter(({ level }) => level === 'problem')).toEqual([]);
  await (await openSink(options)).sink.close();
  // Before, they come with the slots.
  if (made.server.major < 18) return;
  const config = 'max_active_replication_origins';
  await made.server.restart({ [config]: '0' });
  await expect(openSink(options)).rejects.toMatchObject({
    code: 'sink.not_ready',
    remedy: expect.stringContaining(config),
  });
});

test('names that are none', () => {
  for (const origin of ['', 'any', 'none', 'pg_x', `a b`, 'x'.repeat(513)]) {
    expect(sinkConfig.safeParse({ url: 'postgres://', origin }).success, origin).toBe(false);
  }
});
