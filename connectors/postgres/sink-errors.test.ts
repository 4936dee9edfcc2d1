import { createServer } from 'node:net';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../demo/servers/free-port.ts';
import { type PostgresServer, startPostgres } from '../../demo/servers/postgres.ts';
import { TailraceError } from '../../src/contracts/errors.ts';
import { type Change, NOT_SENT } from '../../src/contracts/row.ts';
import { batch, change, column, openOptions, table } from '../../test/support/changes.ts';
import { checkSink, openSink } from './sink.ts';
import { sinkConfig } from './sink-config.ts';
import { classOfSqlState } from './sink-errors.ts';

let server: PostgresServer;
let client: pg.Client;
beforeAll(async () => {
  server = await startPostgres();
  client = new pg.Client({ connectionString: server.url });
  await client.connect();
});
afterAll(async () => {
  await client?.end();
  await server?.stop();
});

const signal = new AbortController().signal;
const T = table('t', [
  column('id', 'int32', 'integer', { key: 1 }),
  column('v', 'text', 'character varying(5)'),
  column('n', 'int32', 'integer'),
]);
const put = (version: number, id: number, v: string | typeof NOT_SENT, n: number | null = 0): Change =>
  change(T, { op: 'update', version, after: [id, v, n] });
const options = (config: object = {}) => openOptions(sinkConfig.parse({ url: server.url, ...config }));
const withUrl = (change: (url: URL) => void) => {
  const url = new URL(server.url);
  change(url);
  return { url: url.href };
};

async function schemaFor(name: string): Promise<{ schema: string }> {
  await client.query(`CREATE SCHEMA IF NOT EXISTS ${name}`);
  return { schema: name };
}

describe('refused rows', () => {
  test('invariant 12: a dead letter says why in detail, its message holds no value', async () => {
    const { lines, ...rest } = options(await schemaFor('refused'));
    const { sink } = await openSink(rest);
    const found = await sink.write(
      batch([
        put(1, 1, 'ok'),
        put(2, 2, 'secret too long'),
        put(3, 3, 'a\0b'),
        put(4, 4, 'ok', 2 ** 40),
        put(5, 5, 'ok'),
      ]),
      signal,
    );
    await sink.flush(signal);
    await sink.close();
    expect(
      found.map(({ record, error }) => [Number(record.offset), error.code, /SQLSTATE (\w+)/.exec(error.message)?.[1]]),
    ).toEqual([
      [1, 'sink.rejected', '22001'],
      [2, 'sink.rejected', '22021'],
      [3, 'sink.rejected', '22003'],
    ]);
    expect(found[2]!.error.detail).toContain(String(2 ** 40));
    expect(JSON.stringify([found.map(({ error }) => error.message), lines])).not.toMatch(/secret|1099511627776/);
    const { rows } = await client.query('SELECT id FROM refused.t ORDER BY id');
    expect(rows).toEqual([{ id: 1 }, { id: 5 }]);
  });

  test('a whole batch of poison, then good rows', async () => {
    const { sink } = await openSink(options(await schemaFor('all_poison')));
    const poison = Array.from({ length: 50 }, (_, i) => put(i + 1, i, 'too long for it'));
    expect(await sink.write(batch(poison), signal)).toHaveLength(50);
    expect(await sink.write(batch([put(100, 1, 'good')], { from: 50 }), signal)).toEqual([]);
    await sink.flush(signal);
    await sink.close();
    expect((await client.query('SELECT v FROM all_poison.t')).rows).toEqual([{ v: 'good' }]);
  });

  test('a partial change does not demand the columns of the target that may not be null', async () => {
    const schema = await schemaFor('not_null');
    await client.query('CREATE TABLE not_null.t (id int PRIMARY KEY, v varchar(5) NOT NULL, n int)');
    const { sink } = await openSink(options(schema));
    await sink.write(batch([put(1, 1, 'kept', 1)]), signal);
    expect(await sink.write(batch([put(2, 1, NOT_SENT, 2)], { from: 1 }), signal)).toEqual([]);
    const [missing] = await sink.write(batch([put(3, 9, NOT_SENT, 2)], { from: 2 }), signal);
    expect(missing?.error.message).toContain('23502 (column v)');
    await sink.flush(signal);
    await sink.close();
    expect((await client.query('SELECT id, v, n FROM not_null.t')).rows).toEqual([{ id: 1, v: 'kept', n: 2 }]);
  });

  test('keys that the target holds for equal are applied in order', async () => {
    const schema = await schemaFor('equal_keys');
    await client.query('CREATE TABLE equal_keys.k (id numeric PRIMARY KEY, v text)');
    const k = table('k', [column('id', 'decimal', 'numeric', { key: 1 }), column('v', 'text', 'text')]);
    const { sink } = await openSink(options(schema));
    const both = ['1.0', '1.00'].map((id, i) => change(k, { op: 'insert', version: i + 1, after: [id, id] }));
    expect(await sink.write(batch(both), signal)).toEqual([]);
    await sink.flush(signal);
    await sink.close();
    expect((await client.query('SELECT v FROM equal_keys.k')).rows).toEqual([{ v: '1.00' }]);
  });
});

describe('failures', () => {
  const failure = (config: object) =>
    openSink(options(config)).then(
      () => undefined,
      (error: unknown) => error,
    );
  const problems = async (config: object) => (await checkSink(options(config))).filter((f) => f.level === 'problem');

  test('wrong password, missing database, nobody listening: the class, and what to do', async () => {
    const port = await freePort();
    const cases: [object, string][] = [
      [withUrl((url) => (url.password = 'hunter2')), 'sink.auth'],
      [withUrl((url) => (url.password = '')), 'sink.auth'],
      [withUrl((url) => (url.pathname = '/nowhere')), 'sink.auth'],
      [withUrl((url) => (url.port = String(port))), 'sink.unreachable'],
    ];
    for (const [config, code] of cases) {
      const error = await failure(config);
      expect(error).toBeInstanceOf(TailraceError);
      expect(error).toMatchObject({ code, remedy: expect.any(String) });
      expect((error as Error).message).not.toMatch(/hunter2|password@/);
      expect(await problems(config)).toMatchObject([{ remedy: expect.any(String), path: ['url'] }]);
    }
    expect(await checkSink(options())).toMatchObject([{ level: 'ok' }]);
  });

  test('a server that speaks something else', async () => {
    const other = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as { port: number };
    expect(await failure(withUrl((url) => (url.port = String(port))))).toMatchObject({ code: 'sink.unreachable' });
    other.close();
  });

  test('missing privileges come with the GRANT that gives them', async () => {
    await client.query(`CREATE ROLE guest LOGIN PASSWORD 'guest'; CREATE SCHEMA closed`);
    const guest = withUrl((url) => Object.assign(url, { username: 'guest', password: 'guest' }));
    const config = { ...guest, schema: 'closed' };
    const grant = 'GRANT USAGE, CREATE ON SCHEMA "closed" TO guest;';
    expect(await failure(config)).toMatchObject({ code: 'sink.not_ready', remedy: grant });
    expect(await problems(config)).toMatchObject([{ remedy: grant }]);
    expect(await problems({ ...guest, schema: 'absent' })).toMatchObject([
      { remedy: 'CREATE SCHEMA "absent" AUTHORIZATION guest;' },
    ]);
    await client.query(grant);
    expect(await problems(config)).toEqual([]);
    await client.query('CREATE TABLE closed.t (id int PRIMARY KEY, v varchar(5), n int, _tr_version bigint NOT NULL)');
    const { sink } = await openSink(options(config));
    await expect(sink.write(batch([put(1, 1, 'x')]), signal)).rejects.toMatchObject({
      code: 'sink.not_ready',
      remedy: expect.stringContaining('GRANT SELECT, INSERT, UPDATE, DELETE ON "closed"."t" TO guest;'),
    });
    await sink.close();
  });

  test('a connection killed before the flush loses nothing: the next session resumes before the batch', async () => {
    const config = await schemaFor('killed');
    const first = await openSink(options(config));
    await first.sink.write(batch([put(1, 1, 'a')]), signal);
    await first.sink.flush(signal);
    await first.sink.write(batch([put(2, 2, 'b')], { from: 1 }), signal);
    await client.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tailrace p.out'`,
    );
    await expect(first.sink.flush(signal)).rejects.toMatchObject({ code: 'sink.unreachable' });
    await first.sink.close();
    const second = await openSink(options(config));
    expect(second.resume).toEqual([{ topic: 'shop.public.t', partition: 0, next: 1n }]);
    await second.sink.write(batch([put(2, 2, 'b')], { from: 1, epoch: 2 }), signal);
    await second.sink.flush(signal);
    await second.sink.close();
    expect((await client.query('SELECT id FROM killed.t ORDER BY id')).rows).toEqual([{ id: 1 }, { id: 2 }]);
  });

  test('configuration is strict, and the url is not shown when it is wrong', () => {
    const parsed = sinkConfig.safeParse({ url: 'mysql://u:hunter2@h/db', tabel: 1, table: '{x}' });
    expect(parsed.error?.issues.map(({ path }) => path.join('.'))).toEqual(['url', 'table', '']);
    expect(String(parsed.error)).not.toContain('hunter2');
  });

  test.each([
    ['22001', 'record'],
    ['23505', 'record'],
    ['21000', 'record'],
    ['40P01', 'retry'],
    ['40001', 'retry'],
    ['55P03', 'retry'],
    ['53100', 'retry'],
    ['57P01', 'retry'],
    ['25006', 'retry'],
    ['28P01', 'auth'],
    ['3D000', 'auth'],
    ['42501', 'privilege'],
    ['42P01', 'setup'],
    ['XX000', 'setup'],
    ['P0001', 'record'],
  ])('SQLSTATE %s: %s', (code, expected) => {
    expect(classOfSqlState(code)).toBe(expected);
  });
});
