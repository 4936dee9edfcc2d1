/** docs/replay.md does what it says: its pipeline runs, its commands print what stands there. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { parseArguments } from '../src/cli/arguments.ts';
import { singleCommands } from '../src/cli/commands.ts';
import { guideText, startGuide } from './support/guide.ts';
import { untilStatus } from './support/project.ts';
import { blocksOf, expectedPattern } from './support/readme-commands.ts';

const guide = guideText('replay');

test('the guide', { timeout: 120_000 }, async () => {
  const { client, project, running, yaml } = await startGuide(guide, [
    'create table items (id int primary key, name text)',
    `insert into items select i, 'item ' || i from generate_series(1, 40) i`,
  ]);
  const [, changed = ''] = /changes the rule to `(.*?)`/.exec(guide) ?? [];
  await untilStatus('the copy is there', running, (source, [sink]) => {
    return source.state === 'streaming' && sink!.records > 40 && sink!.lagRecords === 0;
  });
  const labels = () => {
    const database = new DatabaseSync(join(project.dir, 'copy.db'), { readOnly: true, timeout: 5_000 });
    const rows = database.prepare('select label from items order by id').all();
    database.close();
    return rows.map(({ label }) => label);
  };
  expect(labels()).toEqual(Array.from({ length: 40 }, (_, i) => `item ${i + 1}`));
  writeFileSync(project.file, yaml.replace('set: { label: name }', changed));
  for (const { commands, expected } of blocksOf(guide)) {
    const { code, stdout, stderr } = await project.run(commands[0]!.split(' ').slice(1));
    expect([code, stdout + stderr]).toEqual([0, expect.stringMatching(expectedPattern(expected!, true))]);
  }
  expect(labels()).toEqual(Array.from({ length: 40 }, (_, i) => `ITEM ${i + 1}`));
  await client.query(`insert into items values (41, 'item 41')`);
  await untilStatus('goes on', running, () => labels().at(-1) === 'ITEM 41');
  const json = await project.run(['replay', 'shop/copy', '--from', '2h', '--tables', 'items', '--dry-run', '--json']);
  expect(JSON.parse(json.stdout).result).toMatchObject({ begun: false, plan: { ranges: [{ from: '0' }] } });
  const wrong = await project.run(['replay', 'shop/copy', '--from', '9/999', '--yes']);
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('replay.invalid')]);
  expect((await running.stop()).code).toBe(0);
});

test('the commands in the text are understood', () => {
  const lines = [...guide.matchAll(/`tailrace\s+(\w+) ([^`]*)`/g)].filter(
    ([, name]) => name !== 'tap' && name !== 'log',
  );
  expect(lines.length).toBeGreaterThan(3);
  for (const [, name, words = ''] of lines) {
    const command = singleCommands.find((one) => one.name === name)!;
    if (command.kind === 'forwarding') continue;
    expect(() => parseArguments(command, words.split(/\s+/)), words).not.toThrow();
  }
});
