/** docs/snapshots.md does what it says: its pipeline runs, its commands print what stands there. */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { parseArguments } from '../src/cli/arguments.ts';
import { snapshot } from '../src/cli/commands/snapshot.ts';
import { guideText, startGuide } from './support/guide.ts';
import { until, untilStatus } from './support/project.ts';
import { blocksOf, expectedPattern } from './support/readme-commands.ts';

const guide = guideText('snapshots');
const wordsOf = (line: string) => [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, text, word]) => text ?? word!);

test('the guide', { timeout: 120_000 }, async () => {
  const { client, project, running } = await startGuide(guide, [
    'create table items (id int primary key, name text, price numeric(10,2))',
    `insert into items select i, 'item ' || i, i - 1 from generate_series(1, 40) i`,
  ]);
  const copy = (sql: string): unknown[] => {
    const database = new DatabaseSync(join(project.dir, 'copy.db'), { timeout: 5_000 });
    try {
      return sql.startsWith('select')
        ? database
            .prepare(sql)
            .all()
            .map((row) => Object.values(row).join())
        : [database.exec(sql)];
    } finally {
      database.close();
    }
  };
  await untilStatus('the copy is there', running, (source, [sink]) => {
    return source.state === 'streaming' && sink!.records > 40 && sink!.lagRecords === 0;
  });
  // What each of the first three finds wrong, and what it leaves.
  const wrong = `update items set name = 'wrong'; insert into items (id, name, _tr_version) values (900, 'extra', 1)`;
  const left = ['0,0', '31,1', '39,0'];
  for (const [i, { commands, expected }] of blocksOf(guide).entries()) {
    if (i < left.length)
      copy(i === 1 ? wrong.replace('insert', 'insert or replace') : wrong.replace('insert', 'insert or ignore'));
    const { code, stdout, stderr } = await project.run(wordsOf(commands[0]!).slice(1));
    expect(stdout + stderr).toMatch(expectedPattern(expected!, true));
    expect(code).toBe(0);
    const sums = `select sum(name = 'wrong'), sum(name = 'extra') from items`;
    if (i < left.length) await until(`${commands[0]} is delivered`, async () => copy(sums)[0] === left[i]);
  }
  await client.query('create table orders (id int primary key); insert into orders values (1)');
  await until('the new table is copied', async () => {
    const [made] = copy(`select count(*) from sqlite_master where name = 'orders'`);
    return made === '1' && copy('select id from orders')[0] === '1';
  });
  expect((await running.stop()).code).toBe(0);
});

test('the commands in the text are understood', () => {
  const lines = [...guide.matchAll(/`tailrace snapshot (\w+)([^`]*)`/g)];
  expect(lines.length).toBeGreaterThan(2);
  for (const [line, verb, rest = ''] of lines) {
    const command = snapshot.commands.find(({ name }) => name === `snapshot ${verb}`);
    expect(command, line).toBeDefined();
    expect(() => parseArguments(command!, wordsOf(rest)), line).not.toThrow();
  }
});
