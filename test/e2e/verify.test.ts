/** Verification of sinks while source and sinks change all the time. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createConnection as connect } from 'mysql2/promise';
import pg from 'pg';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { sink as elasticsearch } from '../../connectors/elasticsearch/index.ts';
import { sink as file } from '../../connectors/file/index.ts';
import { sink as mysql } from '../../connectors/mysql/index.ts';
import { sink as postgres } from '../../connectors/postgres/index.ts';
import { sink as redis } from '../../connectors/redis/index.ts';
import { sink as sqlite } from '../../connectors/sqlite/index.ts';
import { startElasticsearch } from '../../demo/servers/elasticsearch.ts';
import { startMysql } from '../../demo/servers/mysql.ts';
import { startRedis } from '../../demo/servers/redis.ts';
import type { VerificationStatus } from '../../src/contracts/verification.ts';
import { needServer } from '../support/need-server.ts';
import {
  PLANTED,
  type Plant,
  plantInElasticsearch,
  plantInFile,
  plantInMysql,
  plantInPostgres,
  plantInRedisDocuments,
  plantInRedisHashes,
  plantInSqlite,
} from '../support/planted.ts';
import { postgresScenes } from '../support/postgres-source.ts';
import { testSeed } from '../support/seed.ts';
import { ConstantLoad, type SceneSink, seeded, verificationScene } from '../support/verification-scene.ts';

const scenes = postgresScenes();
const isFull = process.env.TAILRACE_FULL === '1';
/** Without anything planted: none may be a false alarm. */
const VERIFIES = isFull ? 20 : 1;

const ITEMS = `
  create table items (id int primary key, name text, price numeric(12,2), at timestamptz, flags bool[], doc jsonb, raw bytea,
    ratio float8, tiny float4, day date, free numeric, big int8);
  insert into items select i, 'item ' || i, i * 1.5, '2026-01-01 00:00:00.5+00', array[true, null], '{"a": [1, "ä"]}', '\\x00ff',
    i / 3.0, 0.1, '2024-02-29', 1.50, 9007199254740993 from generate_series(1, 400) i;
  insert into items (id) values (401)`;

type Target = SceneSink & { readonly plant: Plant };

async function temporary(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'tailrace-verify-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

const counts = (found: readonly VerificationStatus[]) =>
  found.map(({ sink, state, counts: { missing, different, extra }, problem, notes }) => ({
    sink,
    state,
    differences: [missing, different, extra],
    problem,
    notes,
  }));
const ended = (sink: string, ...differences: number[]) => ({
  sink,
  state: 'done',
  differences,
  problem: null,
  notes: [],
});
const all = (targets: readonly SceneSink[], ...differences: number[]) =>
  targets.map(({ name }) => ended(name, ...differences));

/** Planted differences are found, all and nothing else, repaired, and gone. */
async function foundAndRepaired(url: string, targets: readonly Target[]): Promise<void> {
  const scene = await verificationScene(url, ['public.items'], targets);
  await scene.caughtUp();
  const load = ConstantLoad.start(url, seeded(testSeed));
  for (let i = 0; i < VERIFIES; i++) expect(counts(await scene.verify())).toEqual(all(targets, 0, 0, 0));
  for (const { name, plant } of targets) {
    await plant();
    if (isFull) expect(counts(await scene.verify({ sink: name }))).toContainEqual(ended(name, 1, 1, 1));
    const found = (await scene.verify({ sink: name, repair: true })).find(({ sink }) => sink === name);
    const listed = scene.differences(name).map(({ kind, key, columns }) => [kind, key, columns]);
    expect(listed.sort()).toEqual([...PLANTED].sort());
    expect(found).toMatchObject({ counts: { missing: 1, different: 1, extra: 1 }, repaired: 3, problem: null });
  }
  expect(counts(await scene.verify())).toEqual(all(targets, 0, 0, 0));
  const before = load.transactions;
  await load.stop();
  expect(before).toBeGreaterThan(100);
}

const redisServer = await needServer('redis', () => startRedis({ own: true }));
afterAll(() => redisServer?.stop());

test('planted differences are found, and nothing else, while rows change', { timeout: 120_000 }, async () => {
  const { url, server } = await scenes(['public.items'], ITEMS);
  const target = await server.createDatabase('verify_target');
  const dir = await temporary();
  const path = join(dir, 'target.db');
  const lines = join(dir, 'items.jsonl');
  const targets: Target[] = [
    // The first: a repair leaves a delete of the extra row behind the planted lines.
    { name: 'lines', manifest: file, config: { path: lines }, plant: plantInFile(lines) },
    { name: 'pg', manifest: postgres, config: { url: target }, plant: plantInPostgres(target) },
    { name: 'lite', manifest: sqlite, config: { path }, plant: plantInSqlite(path) },
  ];
  if (redisServer !== null) {
    const hashes = { url: redisServer.url, key: 'item:{id}' };
    const documents = { url: redisServer.url, key: 'doc:{id}', as: 'json' };
    targets.push(
      { name: 'hashes', manifest: redis, config: hashes, plant: plantInRedisHashes(hashes.url) },
      { name: 'documents', manifest: redis, config: documents, plant: plantInRedisDocuments(documents.url) },
    );
  }
  await foundAndRepaired(url, targets);
});

const ODD = `
  create table odd (id uuid, raw bytea, at timestamptz, word text, price numeric, flag bool, day date, big int8, n int,
    primary key (id, raw, at, word, price, flag, day, big));
  insert into odd select 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', '\\x00ff'::bytea || int4send(i), '2026-01-02 03:04:05.000006+02',
    'ä"{}:\\' || i, 1.50, i % 2 = 0, '2024-02-29', 9007199254740993 + i, i from generate_series(1, 40) i;
  insert into odd values ('00000000-0000-0000-0000-000000000000', '', '1970-01-01 00:00:00+00', '', 0, false, '0001-01-01', -1, 0)`;

test('keys of many columns and kinds: a row of each kind of difference is found and repaired', async () => {
  const { url, server } = await scenes(['public.odd'], ODD);
  const copy = await server.createDatabase('verify_odd');
  const path = join(await temporary(), 'odd.db');
  // Of its own: the other test's log has written positions of a sink of that name.
  const redisUrl = `${redisServer?.url ?? ''}/1`;
  const key = 'odd:{id}:{raw}:{at}:{word}:{price}:{flag}:{day}:{big}';
  const targets: SceneSink[] = [
    { name: 'lite', manifest: sqlite, config: { path } },
    { name: 'pg', manifest: postgres, config: { url: copy } },
    ...(redisServer === null ? [] : [{ name: 'hashes', manifest: redis, config: { url: redisUrl, key } }]),
  ];
  const scene = await verificationScene(url, ['public.odd'], targets);
  await scene.caughtUp();
  expect(counts(await scene.verify())).toEqual(all(targets, 0, 0, 0));
  const changes = [
    'delete from odd where n = 1',
    'update odd set n = 20 where n = 2',
    `insert into odd (id, raw, at, word, price, flag, day, big, _tr_version)
       select id, raw, at, 'more', price, flag, day, big, 1 from odd where n in (0, 3)`,
  ];
  const plants: Readonly<Record<string, () => Promise<void>>> = {
    async lite() {
      const database = new DatabaseSync(path, { timeout: 5_000 });
      for (const sql of changes) database.exec(sql);
      database.close();
    },
    async pg() {
      const client = new pg.Client(copy);
      await client.connect();
      for (const sql of changes) await client.query(sql);
      await client.end();
    },
  };
  // One after the other: what mends one goes through the log to all.
  for (const [name, plant] of Object.entries(plants)) {
    await plant();
    const [found] = (await scene.verify({ sink: name, repair: true })).filter(({ sink }) => sink === name);
    expect(found).toMatchObject({ counts: { missing: 1, different: 1, extra: 2 }, repaired: 4, problem: null });
  }
  expect(counts(await scene.verify())).toEqual(all(targets, 0, 0, 0));
});

async function newDatabase(url: string, name: string): Promise<string> {
  const connection = await connect(url);
  await connection.query(`create database ${name}`);
  await connection.end();
  return Object.assign(new URL(url), { pathname: name }).href;
}

/** Servers that are slow to start: in full only. */
test.runIf(isFull)('the same in MySQL and Elasticsearch', { timeout: 600_000 }, async () => {
  const { url } = await scenes(['public.items'], ITEMS);
  const mysqlServer = await needServer('mysql', () => startMysql({ flavor: 'mysql', own: true }));
  const search = await needServer('elasticsearch', () => startElasticsearch({ own: true }));
  const targets: Target[] = [];
  if (mysqlServer !== null) {
    onTestFinished(() => mysqlServer.stop());
    const at = await newDatabase(mysqlServer.url, 'verify');
    targets.push({ name: 'my', manifest: mysql, config: { url: at }, plant: plantInMysql(at) });
  }
  if (search !== null) {
    onTestFinished(() => search.stop());
    const plant = plantInElasticsearch(search.url);
    targets.push({ name: 'search', manifest: elasticsearch, config: { url: search.url }, plant });
  }
  await foundAndRepaired(url, targets);
});
