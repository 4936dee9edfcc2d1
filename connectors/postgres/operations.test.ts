/** What administrators do to a server under a source: each ends in a state that is told with its way out, and mended it goes on. */

import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { startPostgres } from '../../demo/servers/postgres.ts';
import { findPostgres } from '../../demo/servers/postgres-binaries.ts';
import { Follower } from '../../test/support/postgres-follower.ts';
import {
  lastPosition,
  postgresScenes,
  read,
  rowTexts,
  type Scene,
  sourceOptions,
} from '../../test/support/postgres-source.ts';
import { source } from './index.ts';
import { type SourceOptions, slotOf } from './names.ts';

const scene = postgresScenes();
const full = process.env.TAILRACE_FULL !== undefined;
const PASSWORD = 'not in any message';

const problems = async (options: SourceOptions) =>
  (await source.check(options as never)).filter(({ level }) => level === 'problem');

/** The scene as a role sees it that has just what capture needs: no superuser, no owner. */
async function leastPrivilege(): Promise<{ made: Scene; role: string; options: SourceOptions }> {
  const made = await scene(
    ['public.t'],
    'create table t (id int primary key, v text); create publication p for table t',
  );
  const role = `capture_${made.options.name}`;
  await made.client.query(`create role ${role} login replication password '${PASSWORD}'; grant select on t to ${role}`);
  const url = new URL(made.url);
  url.username = role;
  url.password = encodeURIComponent(PASSWORD);
  return { made, role, options: sourceOptions(url.href, made.options.name, ['public.t'], {}, { publication: 'p' }) };
}

test.each([
  [
    'the privilege to read',
    'revoke select on t from ROLE',
    'grant select on t to ROLE',
    'not_ready',
    /permission|may not read/,
  ],
  [
    'rows by a policy',
    'alter table t enable row level security',
    'alter table t disable row level security',
    'not_ready',
    /./,
  ],
])('%s is taken away before the tables are read: refused, then read', async (_, take, give, code, message) => {
  const { made, role, options } = await leastPrivilege();
  await made.client.query(`insert into t values (1, 'a'); ${take.replace('ROLE', role)}`);
  const refused = read(options);
  const error = await refused.failed;
  await refused.stop();
  expect(error).toMatchObject({
    code: `source.${code}`,
    message: expect.stringMatching(message),
    remedy: expect.any(String),
  });
  expect(await problems(options)).toHaveLength(1);
  await made.client.query(give.replace('ROLE', role));
  expect(await problems(options)).toEqual([]);
  const reading = read(options);
  await reading.until(() => reading.output.rows().length === 1);
});

test('invariant 12: the password is changed, the role may not replicate, the database takes no more connections: told, and gone on with when mended', async () => {
  const { made, role, options } = await leastPrivilege();
  const { client } = made;
  const reading = read(options);
  await reading.until(() => reading.output.transactions.length === 1);
  await reading.stop();
  await client.query('insert into t values (1)');
  const faults: readonly (readonly [fault: string, mend: string, code: string])[] = [
    [`alter role ${role} password 'another'`, `alter role ${role} password '${PASSWORD}'`, 'source.auth'],
    [`alter role ${role} nologin`, `alter role ${role} login`, 'source.auth'],
    [`alter role ${role} noreplication`, `alter role ${role} replication`, 'source.not_ready'],
    [`alter role ${role} connection limit 0`, `alter role ${role} connection limit -1`, 'source.unreachable'],
  ];
  for (const [fault, mend, code] of faults) {
    await client.query(fault);
    const refused = read(options, lastPosition(reading.output));
    const error = await refused.failed;
    await refused.stop();
    expect(error, fault).toMatchObject({ code });
    expect(JSON.stringify(error) + String(error)).not.toContain(PASSWORD);
    await client.query(mend);
  }
  const again = read(options, lastPosition(reading.output));
  await again.until(() => again.output.rows().length === 1);
  expect(rowTexts(again.output)).toEqual(['c null {"id":"1","v":null}']);
});

test('invariant 5: a table whose replica identity is taken away stops the source; the remedy mends it', async () => {
  const { made, options } = await leastPrivilege();
  const reading = read(options);
  await reading.until(() => reading.output.transactions.length === 1);
  await made.client.query('insert into t values (1)');
  await reading.until(() => reading.output.transactions.length === 2);
  await made.client.query('alter table t replica identity nothing');
  // The server itself refuses the application's update from now on: the source has not made it so.
  await expect(made.client.query(`update t set v = 'x'`)).rejects.toMatchObject({ code: '55000' });
  await reading.stop();
  const [found] = await problems(options);
  expect(found).toMatchObject({ message: expect.stringContaining('has no key'), remedy: expect.any(String) });
  await made.client.query('insert into t values (2)');
  const again = read(options, lastPosition(reading.output));
  expect(await again.failed).toMatchObject({
    code: 'source.unsupported',
    message: expect.stringContaining('public.t has no key in the stream'),
    remedy: expect.stringContaining('primary key'),
  });
  expect(again.output.rows()).toEqual([]);
});

test('a slot that was idle for too long (version 18): warned of by check, then a gap', async ({ skip }) => {
  const made = await scene(['public.t'], 'create table t (id int primary key)');
  skip(made.server.major < 18);
  const reading = read(made.options);
  await reading.until(() => reading.output.transactions.length === 1);
  await reading.stop();
  await made.client.query(`alter system set idle_replication_slot_timeout = '1s'`);
  await made.client.query('select pg_reload_conf()');
  const timeout = async () => (await made.client.query('show idle_replication_slot_timeout')).rows[0];
  while ((await timeout()).idle_replication_slot_timeout === '0');
  onTestFinished(async () => {
    await made.client.query('alter system reset idle_replication_slot_timeout');
    await made.client.query('select pg_reload_conf()');
  });
  expect(await source.check(made.options as never)).toContainEqual(
    expect.objectContaining({ level: 'warning', message: expect.stringContaining('is lost when Tailrace is down') }),
  );
  const reason = `select invalidation_reason as why from pg_replication_slots where slot_name = $1`;
  while ((await made.client.query(reason, [slotOf(made.options)])).rows[0].why === null) {
    await made.client.query('checkpoint');
  }
  expect(await read(made.options, lastPosition(reading.output)).failed).toMatchObject({
    code: 'source.gap',
    message: expect.stringContaining('was invalidated by the server'),
  });
});

test('invariant 9: a delete says of the columns outside of the key that it does not know them', async () => {
  const { made, options } = await leastPrivilege();
  await made.client.query(`insert into t values (1, 'a'), (2, null)`);
  const reading = read(options);
  await reading.until(() => reading.output.rows().length === 2);
  await made.client.query('delete from t');
  await reading.until(() => reading.output.rows().length === 4);
  const [first, second] = reading.output.rows().slice(2);
  // Present and not sent: NULL would be null.
  expect(first).toMatchObject({ op: 'd', after: null });
  expect([first, second].map((row) => Object.entries(row!.before!))).toEqual([
    [
      ['id', '1'],
      ['v', undefined],
    ],
    [
      ['id', '2'],
      ['v', undefined],
    ],
  ]);
});

async function queryOnce(url: string, sql: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  await client.query(sql);
  await client.end();
}

/** `pg_resetwal` comes with an installed server, not with the one out of npm. */
function resetter(): { readonly binDir: string; readonly path: string } | null {
  const root = '/usr/lib/postgresql';
  const majors = existsSync(root) ? readdirSync(root).filter((name) => Number(name) >= 14) : [];
  const dirs = majors.map((name) => join(root, name, 'bin'));
  const binDir = dirs.find((dir) => existsSync(join(dir, 'pg_resetwal')) && existsSync(join(dir, 'initdb')));
  return binDir === undefined ? null : { binDir, path: join(binDir, 'pg_resetwal') };
}

test.skipIf(!full || resetter() === null)('positions pass 0/FFFFFFFF, and transaction ids come round', async () => {
  const { binDir, path } = resetter()!;
  const root = await mkdtemp(join(tmpdir(), 'tailrace-reset-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const dataDir = join(root, 'data');
  const before = await startPostgres({ binDir, dataDir });
  for (const sql of ['create table t (id int primary key, v text)', 'vacuum freeze']) await queryOnce(before.url, sql);
  await before.stop();
  const { runAs } = await findPostgres(binDir);
  // The last segment but one below 4 GiB; the last page of transaction states below 2^32, whose file is to be there.
  await writeFile(join(dataDir, 'pg_xact', '0FFF'), Buffer.alloc(262_144));
  const words = [...runAs.prefix, path, '-f', '-l', '0000000100000000000000FE', '-x', '4294934528', '-D', dataDir];
  await promisify(execFile)(words[0]!, words.slice(1), { ...runAs.user });
  const server = await startPostgres({ binDir, dataDir, settings: { autovacuum: 'off' } });
  onTestFinished(() => server.stop());
  const follower = new Follower(sourceOptions(server.url, 's', ['public.t']));
  await queryOnce(server.url, `insert into t select -i, 'old' from generate_series(1, 100) i`);
  await follower.run(() => follower.transactions.length === 1);
  const client = new pg.Client(server.url);
  client.on('error', () => {});
  await client.connect();
  onTestFinished(() => client.end().catch(() => {}));
  const total = 40_000;
  for (let id = 1; id <= total; id += 500) {
    const one = Array.from(
      { length: 500 },
      (_, i) => `begin; insert into t values (${id + i}, repeat('x', 1000)); commit`,
    );
    await client.query(one.join(';'));
    if (id % 5_000 === 1) await follower.run(() => follower.transactions.length > id / 2);
  }
  await follower.run(() => follower.transactions.length === total + 1);
  const streamed = follower.transactions.slice(1);
  expect(streamed.flatMap(({ rows }) => rows.map(({ after }) => Number(after!.id)))).toEqual(
    Array.from({ length: total }, (_, i) => i + 1),
  );
  const xids = streamed.map(({ id }) => Number(id.split(/[:/]/)[0]));
  expect(
    xids.some((xid, i) => i > 0 && xid < xids[i - 1]!),
    'transaction ids came round',
  ).toBe(true);
  expect(new Set(streamed.map(({ position }) => position.split('/')[0]))).toEqual(new Set(['0', '1']));
});
