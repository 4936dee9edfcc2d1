/** docs/verification.md does what it says: its pipeline runs, its commands print what stands there. */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { parseArguments } from '../src/cli/arguments.ts';
import { verify } from '../src/cli/commands/verify.ts';
import { guideText, startGuide } from './support/guide.ts';
import { untilStatus } from './support/project.ts';
import { blocksOf, expectedPattern } from './support/readme-commands.ts';

const guide = guideText('verification');

test('the guide', { timeout: 120_000 }, async () => {
  const { project, running } = await startGuide(guide, [
    'create table items (id int primary key, name text, price numeric(10,2))',
    `insert into items select i, 'item ' || i, i - 1 from generate_series(1, 40) i`,
  ]);
  await untilStatus('the copy is there', running, (source, [sink]) => {
    return source.state === 'streaming' && sink!.records > 40 && sink!.lagRecords === 0;
  });
  const codes: (number | null)[] = [];
  for (const [i, { commands, expected }] of blocksOf(guide).entries()) {
    if (i === 1) change(join(project.dir, 'copy.db'));
    const { code, stdout, stderr } = await project.run(commands[0]!.split(' ').slice(1));
    expect(stdout + stderr).toMatch(expectedPattern(expected!, true));
    codes.push(code);
  }
  expect(codes).toEqual([0, 4, 0, 0]);
  const json = await project.run(['verify', 'shop', '--json', '--rate', '5000', '--tables', 'public.items']);
  expect(JSON.parse(json.stdout)).toMatchObject({
    result: [{ status: { pipeline: 'shop', sink: 'copy', state: 'done', notes: [] }, differences: [] }],
  });
  const wrong = await project.run(['verify', 'shop/nothing']);
  expect([wrong.code, wrong.stderr]).toEqual([3, expect.stringContaining('verify.not_found')]);
  expect((await project.run(['verify', 'shop', '--cancel'])).code).toBe(3);
  expect((await running.stop()).code).toBe(0);
});

function change(path: string): void {
  const database = new DatabaseSync(path, { timeout: 5_000 });
  database.exec(`delete from items where id = 3; update items set title = 'other' where id = 4;
    insert into items (id, title, _tr_version) values (900, 'more', 1)`);
  database.close();
}

test('the commands in the text are understood', () => {
  const lines = [...guide.matchAll(/`tailrace verify ([^`]*)`/g)].map(([, line = '']) => line);
  expect(lines.length).toBeGreaterThan(2);
  for (const line of lines) expect(() => parseArguments(verify, line.split(' ')), line).not.toThrow();
});
