/** Pipelines, sources and sinks that are called otherwise: everything goes on where it was. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import type { TailraceProcess } from '../../demo/tailrace-process.ts';
import { postgresScenes } from '../support/postgres-source.ts';
import { Project, until } from '../support/project.ts';

const scenes = postgresScenes();

interface Names {
  readonly pipeline: string;
  readonly copy: string;
  readonly events: string;
}

/** @param before what they were called; null: nothing is said */
function pipeline(now: Names, before: Names | null): string {
  const from = (name: keyof Names) => (before === null ? '' : `renamed_from: ${before[name]}`);
  return `
name: ${now.pipeline}
${from('pipeline')}
source:
  type: postgres
  url: \${SOURCE_URL}
  tables: [public.items]
sinks:
  ${now.copy}:
    type: sqlite
    path: ./copy.db
    transform:
      - set: { part: 100 / share }
    ${from('copy')}
  ${now.events}:
    type: file
    path: ./events.jsonl
    ${from('events')}
`;
}

const SHOP: Names = { pipeline: 'shop', copy: 'copy', events: 'events' };
const STORE: Names = { pipeline: 'store', copy: 'replica', events: 'journal' };
const KIOSK: Names = { pipeline: 'kiosk', copy: 'mirror', events: 'journal2' };

const DDL =
  'create table items (id int primary key, share int); insert into items select i, i from generate_series(1, 5) i';

test('invariant 1: renamed with kill -9 in between, and while it runs: nothing is read or sent again, nothing is left behind', async () => {
  const made = await scenes([], DDL);
  const project = await Project.make(
    pipeline(SHOP, null),
    { SOURCE_URL: made.url },
    `instance: ${made.options.name}\n`,
  );
  const ids = () => {
    const database = new DatabaseSync(join(project.dir, 'copy.db'), { timeout: 5_000 });
    const rows = database.prepare('select id from items order by id').all();
    database.close();
    return rows.map(({ id }) => id);
  };
  const sent = () =>
    readFileSync(join(project.dir, 'events.jsonl'), 'utf8')
      .split('\n')
      .filter((line) => line.includes('"id":'));
  const wanted = [1, 2, 3, 4, 5];
  const insert = async (running: TailraceProcess, id: number) => {
    await made.client.query(`insert into items values (${id}, ${id})`);
    wanted.push(id);
    await until(`row ${id} arrives`, async () => ids().at(-1) === id && sent().length === wanted.length + 1, running);
  };
  const slots = async () => {
    const { rows } = await made.client.query(
      'select slot_name from pg_replication_slots where database = current_database()',
    );
    return rows.map(({ slot_name }) => slot_name);
  };

  const first = project.start();
  await until(
    'the first rows',
    async () => (await first.status())?.pipelines[0]?.sources[0]?.state === 'streaming',
    first,
  );
  await made.client.query('insert into items values (0, 0)');
  await insert(first, 6);
  first.kill();
  await first.exited;
  await made.client.query('insert into items values (7, 7)');
  wanted.push(7);

  writeFileSync(project.file, pipeline(STORE, { ...SHOP, pipeline: 'shp' }));
  const refused = await project.run(['run']);
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('did you mean "shop"?')]);

  writeFileSync(project.file, pipeline(STORE, SHOP));
  expect((await project.start('source.before-commit:1').exited).signal).toBe('SIGKILL');
  const second = project.start();
  await insert(second, 8);
  const { pipelines } = (await second.status())!;
  expect(pipelines.map(({ name }) => name)).toEqual(['store']);
  expect(pipelines[0]!.sources).toMatchObject([{ name: 'store', storedAs: 'shop' }]);
  expect(pipelines[0]!.sinks).toMatchObject([
    { name: 'replica', storedAs: 'copy', deadLetters: 1 },
    { name: 'journal', storedAs: 'events' },
  ]);
  const letters = await project.run(['dlq', 'ls', 'store', '--json']);
  expect(JSON.parse(letters.stdout).result.letters).toMatchObject([{ id: 'shop/copy/shop.public.items-0-7' }]);

  writeFileSync(project.file, pipeline(KIOSK, STORE));
  const planned = await project.run(['plan']);
  expect(planned.stdout).toContain('renamed from store');
  expect((await project.run(['apply', '--yes'])).code).toBe(0);
  await insert(second, 9);
  expect((await second.status())!.pipelines.map(({ name }) => name)).toEqual(['kiosk']);
  const answer = await fetch(`http://127.0.0.1:${project.httpPort}/topics`);
  const topics = ((await answer.json()) as { name: string }[]).map(({ name }) => name);
  expect(topics).toContain('shop.public.items');
  expect((await second.stop()).code).toBe(0);

  writeFileSync(project.file, pipeline(KIOSK, null));
  const third = project.start();
  await insert(third, 10);
  const early = await project.run(['teardown', '--yes']);
  expect([early.code, early.stderr]).toEqual([3, expect.stringContaining('log.locked')]);
  expect((await third.stop()).code).toBe(0);
  expect([ids(), sent().length]).toEqual([wanted, wanted.length + 1]);
  expect(await slots()).toEqual([`tailrace_${made.options.name}_shop`]);
  expect(topics.filter((name) => !name.startsWith('shop.') && !name.startsWith('__'))).toEqual([]);
  expect((await project.run(['teardown', '--yes'])).code).toBe(0);
  expect(await slots()).toEqual([]);
});
