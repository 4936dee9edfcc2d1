/** Large values that updates leave out: the log has them all the same, as of the event. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Capture, type CaptureSettings, texts, wholeRows } from '../../test/support/captured-tables.ts';
import { postgresScenes, type Scene, type SceneOptions } from '../../test/support/postgres-source.ts';
import { streamEverything, streamedTransactions } from '../../test/support/streamed-scene.ts';
import { slotOf } from './names.ts';

const scene = postgresScenes({ logical_decoding_work_mem: '64kB' });

/** Not to be compressed below the size from which on it lies out of line. */
const long = (seed: string, times = 100) =>
  `(select string_agg(md5('${seed}' || i::text), '') from generate_series(1, ${times}) i)`;
const LAST = 1_000_000;

interface Started {
  readonly made: Scene;
  /** Data directory. */
  readonly dir: string;
  capture: Capture;
  /** Everything done so far is in the log. */
  settled(): Promise<void>;
  restart(between?: () => Promise<unknown>): Promise<void>;
}

async function started(ddl: string, extra: SceneOptions = {}, settings: CaptureSettings = {}): Promise<Started> {
  const made = await scene(['public.t'], ddl, extra);
  const dir = await mkdtemp(join(tmpdir(), 'tailrace-rehydrate-'));
  let markers = LAST;
  const started_: Started = {
    made,
    dir,
    capture: await Capture.start(dir, made.options, settings),
    async settled() {
      const id = ++markers;
      await made.client.query(`insert into t (id) values (${id}); delete from t where id = ${id}`);
      await this.capture.until('public.t', ({ op, key }) => op === 'delete' && key === `{"id":${id}}`);
    },
    async restart(between = async () => {}) {
      await this.capture.stop();
      await between();
      this.capture = await Capture.start(dir, made.options, settings);
    },
  };
  onTestFinished(async () => {
    await started_.capture.stop();
    await rm(dir, { recursive: true, force: true });
  });
  await started_.capture.until('public.t', ({ op }) => op === 'snapshot-end');
  return started_;
}

/** The rows of the log are those of the table, none of them with a column that was not sent. */
async function expectEqual({ made, capture }: Started, columns = ['id', 'n', 'a', 'b']): Promise<void> {
  const { rows } = await made.client.query(
    `select ${columns.map((c) => `to_json(${c})::text as ${c}`).join(', ')} from t order by id`,
  );
  const texts = rows.map((row) => Object.fromEntries(columns.map((c) => [c, row[c] ?? 'null'])));
  const held = [...wholeRows(await capture.changes('public.t')).values()];
  expect(held.sort((x, y) => Number(x.id) - Number(y.id))).toEqual(texts);
}

const TABLE = 'create table t (id int primary key, n int, a text, b text)';

test('invariant 9: an update has the values that it left alone: of a snapshot, an insert and an update', async () => {
  const it = await started(`${TABLE}; insert into t values (1, 0, ${long('x')}, 'small')`);
  const { client } = it.made;
  await client.query('update t set n = 1 where id = 1');
  await client.query(`insert into t values (2, 0, ${long('y')}, ${long('z')})`);
  await client.query(`update t set b = 'now small' where id = 2; update t set n = n + 1`);
  await client.query(
    `update t set a = ${long('new')} where id = 2; update t set n = n + 1; update t set a = null where id = 1`,
  );
  await client.query('update t set n = n + 1');
  await it.settled();
  const updates = (await it.capture.changes('public.t')).filter(({ op }) => op === 'update');
  expect(updates.length).toBe(10);
  await expectEqual(it);
});

test('what is kept is the source user’s alone to read', async () => {
  const it = await started(`${TABLE}; insert into t values (1, 0, ${long('x')}, 'small')`);
  const path = join(it.dir, 'columns', `${it.made.options.name}.db`);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect((await stat(`${path}-wal`)).mode & 0o777).toBe(0o600);
  expect((await stat(join(it.dir, 'columns'))).mode & 0o777).toBe(0o700);
});

test('invariant 9: a value that lies out of line in a row that has become small', async () => {
  // Both do not fit into a page with others: the longer one is moved out, and stays there.
  const it = await started(TABLE);
  const { client } = it.made;
  await client.query(`insert into t values (1, 0, ${long('a', 40)}, ${long('b', 35)})`);
  await client.query(`update t set b = 'x' where id = 1; update t set n = n + 1; update t set n = n + 1`);
  await it.settled();
  const last = (await it.capture.changes('public.t')).filter(({ op }) => op === 'update').at(-1)!;
  expect(Object.keys(texts(last.after)).length).toBe(4);
  await expectEqual(it);
  // The same from the log alone, in which nothing says what was not sent.
  await it.restart(() => rm(join(it.dir, 'columns'), { recursive: true }));
  await client.query('update t set n = n + 1');
  await it.settled();
  await expectEqual(it);
  // And of a row that was so before it was read.
  const other = `insert into t values (2, 0, ${long('a', 40)}, ${long('b', 35)}); update t set b = 'x' where id = 2`;
  const again = await started(`${TABLE}; ${other}`);
  await again.made.client.query('update t set n = n + 1');
  await again.settled();
  await expectEqual(again);
});

test('invariant 9: a changed key takes the value along, as it was at the event', async () => {
  const it = await started(`${TABLE}; insert into t values (1, 0, ${long('x')}, ${long('y')})`);
  const { client } = it.made;
  await it.restart(() =>
    client.query(
      `update t set id = 2, b = 'changed'; update t set a = ${long('later')}; update t set id = 3; update t set id = 4, n = 5`,
    ),
  );
  await client.query('update t set n = n + 1');
  await it.settled();
  const made = (await it.capture.changes('public.t')).filter(({ op, key }) => op === 'insert' && key === '{"id":2}');
  const [{ x }] = (await client.query(`select ${long('x')} as x`)).rows as [{ x: string }];
  expect(texts(made[0]!.after)).toMatchObject({ a: JSON.stringify(x), b: '"changed"' });
  await expectEqual(it);
});

test('invariant 9: transactions that are streamed while they run, with subtransactions that are undone', async () => {
  const it = await started(`${TABLE}; insert into t select i, 0, ${long('x')}, 'b' from generate_series(1, 4) i`);
  await streamEverything(it.made);
  const [one, two] = [await it.made.connect(), await it.made.connect()];
  await one.query(
    `begin; update t set n = 1 where id = 1; savepoint s; update t set a = ${long('undone', 300)} where id = 1`,
  );
  await two.query(
    `begin; update t set a = ${long('two', 300)} where id = 2; savepoint s; update t set n = 2 where id = 2`,
  );
  await one.query(
    `rollback to s; update t set n = 3 where id = 1; insert into t values (5, 0, ${long('five', 300)}, null)`,
  );
  await two.query('update t set id = 6 where id = 2; update t set n = 3 where id = 6; release s');
  await one.query(
    'savepoint u; delete from t where id = 1; rollback to u; update t set n = 4 where id in (1, 5); commit',
  );
  await two
    .query(`update t set n = 4; savepoint v; update t set a = ${long('v')}; rollback to v; commit`)
    .catch(() => {});
  await two.query('rollback');
  await it.made.client.query('update t set n = n + 1');
  await it.settled();
  await expectEqual(it);
  expect(await streamedTransactions(it.made, slotOf(it.made.options))).toBeGreaterThan(
    it.made.server.major >= 16 ? 1 : -1,
  );
});

test('truncated, deleted and written again: nothing of the old rows comes back', async () => {
  const it = await started(`${TABLE}; insert into t values (1, 0, ${long('x')}, ${long('y')})`);
  const { client } = it.made;
  await client.query(
    `truncate t; insert into t (id, n) values (1, 1); update t set n = 2; update t set a = ${long('z')}`,
  );
  await client.query('update t set n = 3; delete from t; insert into t (id) values (1); update t set n = 4');
  await it.settled();
  await expectEqual(it);
});

test('columns that are renamed, dropped and added', async () => {
  const it = await started(`${TABLE}; insert into t values (1, 0, ${long('x')}, ${long('y')})`);
  const { client } = it.made;
  await client.query('alter table t rename a to c; update t set n = 1');
  await it.settled();
  await it.restart();
  await client.query('update t set n = 2');
  await it.settled();
  const last = (await it.capture.changes('public.t')).filter(({ op }) => op === 'update');
  const [row] = (await client.query('select c, b from t')).rows as [{ c: string; b: string }];
  for (const { after } of last)
    expect(texts(after)).toMatchObject({ c: JSON.stringify(row.c), b: JSON.stringify(row.b) });
  await client.query('alter table t drop c; alter table t add c text; update t set n = 3');
  await it.settled();
  const added = (await it.capture.changes('public.t')).filter(({ op }) => op === 'update').at(-1)!;
  expect(texts(added.after)).toEqual({ id: '1', n: '3', b: JSON.stringify(row.b), c: 'null' });
});

test('a source that is read from its beginning: what the log has from before says nothing of the rows', async () => {
  const it = await started(
    `${TABLE}; insert into t values (1, 0, ${long('x')}, ${long('y')})`,
    {},
    { onGap: 'resnapshot' },
  );
  const { client } = it.made;
  await it.restart(() =>
    client.query(
      `drop table t; ${TABLE}; insert into t values (1, 0, ${long('other')}, 'b'), (2, 0, ${long('two')}, 'b')`,
    ),
  );
  const ends = async () => (await it.capture.changes('public.t')).filter(({ op }) => op === 'snapshot-end').length;
  await it.capture.until('public.t', ({ op, version }) => op === 'snapshot' && version > 0n);
  while ((await ends()) < 2) await it.capture.until('public.t', ({ op }) => op === 'snapshot-end');
  await it.restart(() => rm(join(it.dir, 'columns'), { recursive: true }));
  await client.query('update t set n = n + 1');
  await it.settled();
  await expectEqual(it);
});

test('replica identity full: the old row has everything, and nothing is kept; afterwards the log has it', async () => {
  const it = await started(
    `${TABLE}; alter table t replica identity full; insert into t values (1, 0, ${long('x')}, ${long('y')})`,
  );
  const { client } = it.made;
  await client.query('update t set n = 1');
  await it.settled();
  expect(existsSync(join(it.dir, 'columns'))).toBe(false);
  await client.query('alter table t replica identity default; update t set n = 2');
  await it.settled();
  await expectEqual(it);
  expect(existsSync(join(it.dir, 'columns'))).toBe(true);
  // As the table is described afterwards, it has never been otherwise.
  await it.restart(() => client.query('update t set n = 3; alter table t replica identity full; update t set n = 4'));
  await it.settled();
  await expectEqual(it);
});

test('toast: omit passes on what was sent; with store again, the log fills in the rest', async () => {
  const it = await started(`${TABLE}; insert into t values (1, 0, ${long('x')}, 'b')`, { config: { toast: 'omit' } });
  const { client } = it.made;
  await client.query('update t set n = 1; insert into t values (2, 0, null, null); delete from t where id = 2');
  await it.settled();
  const changes = await it.capture.changes('public.t');
  const update = changes.find(({ op }) => op === 'update')!;
  expect(texts(update.after)).toEqual({ id: '1', n: '1', a: undefined, b: '"b"' });
  // A delete says of which columns it knows nothing: they are absent, not NULL.
  const deleted = changes.find(({ op }) => op === 'delete')!;
  expect(texts(deleted.before)).toEqual({ id: '2', n: undefined, a: undefined, b: undefined });
  expect(existsSync(join(it.dir, 'columns', `${it.made.options.name}.db`))).toBe(false);
  const { name } = it.made.options;
  expect(it.capture.log.topics.get(`${name}.public.t`)!.settings.cleanup).toBe('delete');
  await it.restart(async () => void Object.assign(it.made.options.config, { toast: 'store' }));
  await client.query('update t set n = 2');
  await it.settled();
  const last = (await it.capture.changes('public.t')).filter(({ op }) => op === 'update').at(-1)!;
  const { rows } = await client.query<{ a: string }>('select a from t where id = 1');
  expect(texts(last.after)).toMatchObject({ n: '2', a: JSON.stringify(rows[0]!.a) });
});

test('invariant 9: the source’s own steps get the values too, and what is kept is what they have made of them', async () => {
  const transform = [
    { verb: 'filter', config: "a like '9%' or n > 100 or id > 1000", path: ['transform', 0] },
    { verb: 'set', config: { first: 'left(a, 3) || n' }, path: ['transform', 1] },
    { verb: 'mask', config: { b: 'hash' }, path: ['transform', 2] },
  ];
  const secret = `'top secret ' || ${long('s')}`;
  const it = await started(`${TABLE}; insert into t values (1, 0, '9' || ${long('x')}, ${secret})`, {}, { transform });
  const { client } = it.made;
  await client.query('update t set n = n + 1; update t set id = 3 where id = 1');
  await it.settled();
  const changes = await it.capture.changes('public.t');
  const { rows } = await client.query<{ a: string }>('select a from t where id = 3');
  const held = wholeRows(changes);
  expect(held.get('{"id":3}')).toMatchObject({
    n: '1',
    a: JSON.stringify(rows[0]!.a),
    first: `"${rows[0]!.a.slice(0, 3)}1"`,
  });
  expect(held.get('{"id":3}')!.b).toBe(texts(changes.find(({ op }) => op === 'snapshot')!.after).b);
  const files = readdirSync(join(it.dir, 'columns')).map((name) =>
    readFileSync(join(it.dir, 'columns', name), 'latin1'),
  );
  expect(files.join('')).not.toContain('top secret');
});

test('invariant 9: how long stored values are: numbers in JSON and arrays take more than their text', async () => {
  const it = await started(
    `create table t (id int primary key, n int, j jsonb, i int8[]); alter table t alter j set storage external, alter i set storage external`,
  );
  const { client } = it.made;
  const numbers = (count: number) => `(select array_agg(g % 10) from generate_series(1, ${count}) g)`;
  for (const [id, count] of [100, 140, 180, 220, 260, 300, 500].entries()) {
    await client.query(
      `insert into t values (${id}, 0, to_jsonb(${numbers(count)}), null), (${id + 100}, 0, null, ${numbers(count)})`,
    );
  }
  await client.query('update t set n = 1; update t set n = 2');
  await it.settled();
  const changes = await it.capture.changes('public.t');
  expect(wholeRows(changes).size).toBe(14);
  const [{ outside }] = (
    await client.query('select pg_relation_size(reltoastrelid)::int as outside from pg_class where relname = $1', ['t'])
  ).rows as [{ outside: number }];
  expect(outside).toBeGreaterThan(0);
});
