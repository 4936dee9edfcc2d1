/** Tables read in ranges of their key, beside the stream: each row once, whatever is written and whenever it is stopped. */

import type pg from 'pg';
import { expect, test } from 'vitest';
import { Random } from '../../demo/shop/random.ts';
import { foldChanges } from '../../test/support/fold-changes.ts';
import { holdCommits } from '../../test/support/held-commits.ts';
import { Follower } from '../../test/support/postgres-follower.ts';
import {
  lastPosition,
  postgresScenes,
  type Reading,
  read,
  rowTexts,
  type Scene,
} from '../../test/support/postgres-source.ts';
import type { RecordedRow } from '../../test/support/recording-output.ts';
import { testSeed } from '../../test/support/seed.ts';
import { readPosition } from './position.ts';

const scene = postgresScenes();
const full = process.env.TAILRACE_FULL !== undefined;

function seeded(name: string): Random {
  const seed = testSeed;
  console.log(`${name}: seed ${seed} (TAILRACE_SEED)`);
  return new Random(seed);
}

/** Keys made of a number `i`, whose order is known here (i, u, c) or to the server alone (n, t). */
const KEYS: Readonly<Record<string, readonly [columns: string, key: string, values: (i: string) => string]>> = {
  i: ['id bigint', 'id', (i) => `(${i} - 500)`],
  u: ['tenant uuid, id int', 'tenant, id', (i) => `md5((${i} / 10)::text)::uuid, ${i}`],
  n: ['tenant int, id numeric', 'tenant, id', (i) => `${i} % 3, ${i} * 1.5`],
  t: ['code text collate "und-x-icu"', 'code', (i) => `chr(65 + ${i} % 2 * 32) || '\\é' || (${i} * 7)`],
  c: ['code text collate "C"', 'code', (i) => `md5(${i}::text) || ''''`],
};

const KEY_NAMES = Object.fromEntries(Object.entries(KEYS).map(([t, [, key]]) => [`public.${t}`, key.split(', ')]));

const ddl = (rows: number) =>
  Object.entries(KEYS)
    .map(
      ([t, [columns, key, values]]) =>
        `create table ${t} (${columns}, i int, v int, primary key (${key}));
         insert into ${t} select ${values('i')}, i, 0 from generate_series(1, ${rows}) i; create index on ${t} (i);`,
    )
    .join('');

/**
 * As many transactions as were granted. Writers that ran on by themselves could, on a slow machine, write more in a reader's life
 * than the next one reads in its own: a reading that is stopped again and again would never end.
 */
class Grants {
  #left = 0;
  #isOver = false;
  #changed = Promise.withResolvers<void>();

  more(count: number): void {
    this.#left = count;
    this.#wake();
  }

  end(): void {
    this.#isOver = true;
    this.#wake();
  }

  /** False: no more are to come. */
  async take(): Promise<boolean> {
    while (this.#left === 0 && !this.#isOver) await this.#changed.promise;
    this.#left--;
    return !this.#isOver;
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }
}

/** Transactions of each life of the reader. */
const WRITES = 50;

/** Transactions over all tables as they are granted; conflicts are rolled back. */
async function write(client: pg.Client, random: Random, rows: number, grants: Grants): Promise<void> {
  let truncates = 3;
  const statement = () => {
    const t = random.pick(Object.keys(KEYS));
    const [, key, values] = KEYS[t]!;
    const i = random.between(1, rows * 1.2);
    return random.pick([
      `insert into ${t} select ${values('i')}, i, 0 from generate_series(${i}, ${i}) i on conflict (${key}) do update set v = ${t}.v + 1`,
      `update ${t} set v = v + 1 where i between ${i} and ${i + 5}`,
      `update ${t} set (${key}, i) = (select ${values(String(i + 5000))}, ${i + 5000}) where i = ${i}`,
      `delete from ${t} where i = ${i}`,
      `savepoint s; update ${t} set v = -1 where i = ${i}; ${random.pick(['rollback to s', 'release s'])}`,
      ...(truncates > 0 && random.chance(0.02) ? [`truncate ${t}`] : []),
    ]);
  };
  while (await grants.take()) {
    // First, since a recorded transaction does not tell where among its rows a marker stood.
    const isTruncate = (sql: string) => Number(sql.startsWith('truncate'));
    const all = Array.from({ length: random.between(1, 4) }, statement);
    const statements = all.sort((a, b) => isTruncate(b) - isTruncate(a)).join('; ');
    const end = random.pick(['commit', 'commit', 'commit', 'rollback']);
    if (statements.includes('truncate')) truncates--;
    await client.query(`begin; ${statements}; ${end}`).catch(() => client.query('rollback'));
  }
}

async function expectTables(made: Scene, transactions: Follower['transactions']): Promise<void> {
  const folded = foldChanges(transactions, KEY_NAMES);
  for (const [t, [, key]] of Object.entries(KEYS)) {
    const columns = [...key.split(', '), 'i', 'v'].map((name) => `${name}::text`).join(', ');
    const { rows } = await made.client.query<Record<string, string>>(`select ${columns} from ${t}`);
    const texts = (all: Iterable<object>) => [...all].map((row) => JSON.stringify(row)).sort();
    expect(texts(folded.get(`public.${t}`)?.values() ?? [])).toEqual(texts(rows));
  }
}

test('invariant 4: stopped after any step of the snapshots, beside a workload, each row comes once', async () => {
  const random = seeded('chunks');
  const rows = full ? 3_000 : 300;
  const config = { snapshot_chunk_rows: random.between(20, 60), snapshot_connections: random.between(1, 3) };
  const made = await scene(Object.keys(KEY_NAMES), ddl(rows), { config });
  const grants = new Grants();
  const clients = [await made.connect(), await made.connect()];
  const writers = clients.map((client) => write(client, new Random(random.uint32()), rows, grants));
  // What is not saved is lost with the reader.
  const follower = new Follower(made.options, () => random.chance(0.7));
  const isOver = () => Object.keys(KEY_NAMES).every((label) => isRead(follower, label));
  let stops = 0;
  for (; !isOver(); stops++) {
    grants.more(WRITES);
    const next = steps(follower) + random.between(1, full ? 2 : 5);
    await follower.run(() => steps(follower) >= next || isOver());
  }
  grants.end();
  await Promise.all(writers);
  await made.client.query('insert into i values (1000000, 0, 0)');
  const isLast = () => follower.transactions.some(({ rows }) => rows.at(-1)?.after?.id === '1000000');
  await follower.run(() => isLast() && isOver());
  expect(stops).toBeGreaterThan(0);
  await expectTables(made, follower.transactions);
});

const steps = ({ transactions }: Follower) => transactions.filter(({ kind }) => kind === 'snapshot').length;

const isRead = ({ position }: Follower, label: string) =>
  position !== null && readPosition(position).tables[label]?.read === 'past';

test('a commit that sessions do not see yet holds up the snapshot, not the stream, and comes once', async () => {
  const config = { snapshot_chunk_rows: 1, snapshot_connections: 1 };
  const made = await scene(
    ['public.other', 'public.t'],
    `create table other (id int primary key);
     create table t (id int primary key, v int); insert into t select i, 0 from generate_series(1, 60) i;`,
    { config },
  );
  const committing = await made.connect();
  const reading = read(made.options);
  const { output } = reading;
  const times = (text: string) => {
    const is = (row: object | null) => JSON.stringify(row) === text;
    const seen = ({ rows }: { rows: RecordedRow[] }) =>
      rows.length > 100 ? 0 : rows.filter((row) => is(row.after)).length;
    return output.transactions.reduce((sum, transaction) => sum + seen(transaction), 0);
  };
  await reading.until(() => output.transactions.length > 10);
  // Described once, the table is not asked about again.
  await made.client.query('update t set v = 0 where id = 1');
  await reading.until(() => times('{"id":"1","v":"0"}') === 2);
  const held = await holdCommits(made);
  // While this is decoded the next step waits, so that the commit after it is in the log and not streamed yet.
  await made.client.query('set synchronous_commit = local; insert into other select generate_series(1000, 50000)');
  const commit = committing.query('update t set v = 1; insert into t values (61, 1)');
  const over = commit.catch(() => {});
  await held.until(1);
  await made.client.query('insert into other values (1)');
  await reading.until(() => times('{"id":"1"}') === 1);
  const before = output.rows().filter(({ op }) => op === 'r').length;
  expect(before).toBeLessThan(60);
  // What was read sooner is changed by the stream at once; what was not read waits.
  for (let id = 2; id < 30; id++) {
    await made.client.query('insert into other values ($1)', [id]);
    await reading.until(() => times(`{"id":"${id}"}`) === 1);
  }
  expect(output.rows().filter(({ op }) => op === 'r').length).toBeLessThanOrEqual(before + 1);
  await held.release();
  await over;
  await reading.until(() => output.transactions.some(({ markers }) => markers.includes('snapshot-end public.t')));
  await made.client.query('insert into t values (62, 0)');
  await reading.until(() => times('{"id":"62","v":"0"}') === 1);
  const t = foldChanges(output.transactions).get('public.t')!;
  expect(t.size).toBe(62);
  expect([...t.values()].filter(({ v }) => v !== '1').map(({ id }) => id)).toEqual(['62']);
});

test('a key that becomes another one while the table is read: it is read afresh', async () => {
  const config = { snapshot_chunk_rows: 1, snapshot_connections: 1 };
  const made = await scene(
    ['public.t'],
    `create table t (id int primary key, v text not null);
     insert into t select i, 'v' || (1000 - i) from generate_series(1, 80) i;`,
    { config },
  );
  const reading = read(made.options);
  await reading.until(() => reading.output.transactions.length > 20);
  await made.client.query('alter table t drop constraint t_pkey; alter table t add primary key (v)');
  const ends = () => reading.output.transactions.filter(({ markers }) => markers.includes('snapshot-end public.t'));
  await reading.until(() => ends().length === 1);
  const { transactions } = reading.output;
  const last = transactions.findLastIndex(({ markers }) => markers.includes('snapshot-begin public.t'));
  expect(last).toBeGreaterThan(10);
  expect(foldChanges(transactions.slice(last), { 'public.t': ['v'] }).get('public.t')?.size).toBe(80);
});

test('a table is read once more beside its stream: paused over a restart, and cancelled', async () => {
  const config = { snapshot_chunk_rows: 5, snapshot_connections: 1 };
  const made = await scene(
    ['public.t'],
    'create table t (id int primary key, v int); insert into t select i, 0 from generate_series(1, 60) i; analyze t',
    { config },
  );
  const first = read(made.options);
  const ends = ({ output }: Reading) =>
    output.transactions.filter(({ markers }) => markers.includes('snapshot-end public.t')).length;
  const snapshots = ({ reader }: Reading) => reader.upstream()?.snapshots;
  await first.until(() => ends(first) === 1);
  expect(snapshots(first)).toEqual([]);
  await expect(first.reader.snapshots({ do: 'cancel', tables: ['public.t'] })).rejects.toThrow('is not being read');
  await expect(first.reader.snapshots({ do: 'start', tables: ['public.x'] })).rejects.toThrow('is not captured');
  await first.reader.snapshots({ do: 'start', tables: null });
  const rows = () => first.output.rows().filter(({ op }) => op === 'r').length;
  await first.until(() => rows() >= 75);
  await first.reader.snapshots({ do: 'pause' });
  expect(snapshots(first)).toMatchObject([{ table: 'public.t', kind: 'refresh', state: 'paused', estimatedRows: 60 }]);
  await made.client.query('update t set v = 1');
  await first.until(() => rowTexts(first.output).filter((row) => row.startsWith('u ')).length === 60);
  await first.stop();
  const [readRows] = snapshots(first)!.map((one) => one.rows);
  const second = read(made.options, lastPosition(first.output));
  await made.client.query('update t set v = 2');
  await second.until(() => second.output.rows().length === 60);
  expect(snapshots(second)).toMatchObject([{ state: 'paused', rows: readRows }]);
  await second.reader.snapshots({ do: 'resume' });
  await second.until(() => ends(second) === 1);
  // Each row as it is now; none that was read is read again.
  const again = second.output.rows().filter(({ op }) => op === 'r');
  expect(again.map(({ after }) => after?.v)).toEqual(Array.from({ length: 60 - readRows! }, () => '2'));
  await second.reader.snapshots({ do: 'start', tables: ['public.t'] });
  await second.reader.snapshots({ do: 'cancel', tables: null });
  expect(snapshots(second)).toEqual([]);
  await made.client.query('insert into t values (100, 0)');
  await second.until(() => second.output.rows().at(-1)?.after?.id === '100');
  expect(ends(second)).toBe(1);
});

test('rows of a condition and rows of a list of keys are read once more, with nothing swept', async () => {
  const config = { snapshot_chunk_rows: 4, snapshot_connections: 2 };
  const made = await scene(
    ['public.t'],
    `create table t (name text, id int, v int, primary key (name, id));
     insert into t select 'n''' || i % 2, i, 0 from generate_series(1, 40) i`,
    { config },
  );
  const reading = read(made.options);
  const { reader, output } = reading;
  await reading.until(() => output.transactions.some(({ markers }) => markers.includes('snapshot-end public.t')));
  const first = output.rows().length;
  const start = (rows: { where: string } | { keys: string[][] }) =>
    reader.snapshots({ do: 'start', tables: null, rows });
  const changed = () =>
    new Set(
      output
        .rows()
        .slice(first)
        .flatMap(({ after }) => (after?.v === '1' ? [after.id] : [])),
    ).size;
  await start({ where: `id % 2 = 0 and name <> ')' or (id = 1)` });
  for (let i = 0; i < 40; i++) await made.client.query('update t set v = v + 1 where id = $1', [i + 1]);
  await reading.until(() => reader.upstream()?.snapshots.length === 0 && changed() === 40);
  const since = output.rows().slice(first);
  const ids = since.filter(({ op }) => op === 'r').map(({ after }) => Number(after?.id));
  expect(ids.sort((a, b) => a - b)).toEqual([1, ...Array.from({ length: 20 }, (_, i) => 2 * i + 2)]);
  for (let id = 1; id <= 40; id++) {
    const texts = since.filter(({ after }) => after?.id === String(id)).map(({ op, after }) => `${op}${after?.v}`);
    // Read before its change, after it, or not at all; never followed by a change that it has already.
    expect(['r0 u1', 'u1 r1', 'r1', 'u1']).toContain(texts.join(' '));
  }
  const second = output.rows().length;
  await start({
    keys: [
      ["n'1", '3'],
      ['nobody', '3'],
    ],
  });
  await reading.until(() => output.rows().length > second && reader.upstream()?.snapshots.length === 0);
  expect(rowTexts(output).slice(second)).toEqual([`r null {"name":"n'1","id":"3","v":"1"}`]);
  expect(output.transactions.filter(({ markers }) => markers.length > 0)).toHaveLength(2);
});

const NO_CONDITIONS = [
  'true) union select 1 where (true',
  'true; drop table t',
  'true -- ',
  "v = 1 or name = 'x",
  '/* */ true',
  "name = E'\\''",
  'no_such_column = 1',
  'count(*) > 1',
  '',
];

test.each(NO_CONDITIONS)('a condition that is none is refused: %s', async (where) => {
  const made = await scene(['public.t'], 'create table t (name text primary key, v int)');
  const reading = read(made.options);
  await reading.until(() => reading.output.transactions.length === 1);
  const refused = reading.reader.snapshots({ do: 'start', tables: ['public.t'], rows: { where } });
  await expect(refused).rejects.toMatchObject({ code: 'source.not_ready', remedy: expect.stringContaining('WHERE') });
  expect(reading.reader.upstream()?.snapshots).toEqual([]);
});

test('invariant 9: a column that was added since the source began is in the rows that are read later', async () => {
  const config = { snapshot_chunk_rows: 5, snapshot_connections: 1 };
  const made = await scene(
    ['public.t'],
    'create table t (id int primary key); insert into t select i from generate_series(1, 20) i',
    { config },
  );
  const reading = read(made.options);
  await reading.until(() => reading.output.transactions.length > 1);
  await made.client.query(`alter table t add v text default 'there'`);
  const ends = () =>
    reading.output.transactions.filter(({ markers }) => markers.includes('snapshot-end public.t')).length;
  await reading.until(() => ends() === 1);
  const first = reading.output.rows().length;
  await reading.reader.snapshots({ do: 'start', tables: null });
  await reading.until(() => ends() === 2);
  expect(rowTexts(reading.output).slice(first)).toEqual(
    Array.from({ length: 20 }, (_, i) => `r null {"id":"${i + 1}","v":"there"}`),
  );
});
