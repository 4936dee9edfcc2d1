/** docs/dead-letters.md does what it says: its pipeline runs, its commands print what stands there. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { startPostgres } from '../demo/servers/postgres.ts';
import { parseArguments } from '../src/cli/arguments.ts';
import { dlq } from '../src/cli/commands/dlq.ts';
import type { DeadLetterList } from '../src/contracts/dead-letters.ts';
import { Project, until, untilStatus } from './support/project.ts';
import { blocksOf, expectedPattern } from './support/readme-commands.ts';

const guide = readFileSync(new URL('../docs/dead-letters.md', import.meta.url), 'utf8');

test('the guide', { timeout: 120_000 }, async () => {
  const server = await startPostgres();
  onTestFinished(() => server.stop());
  const url = await server.createDatabase('guide');
  const client = new pg.Client(url);
  await client.connect();
  onTestFinished(() => client.end());
  await client.query('create table orders (id int primary key, amount text)');
  await client.query(`insert into orders values (1, '10'), (2, 'n/a'), (3, '30'), (4, '7,5')`);
  const [yaml = ''] = /(?<=```yaml\n)[\s\S]*?(?=```)/.exec(guide) ?? [];
  const project = await Project.make(yaml, { SOURCE_URL: url, LANG: 'C.UTF-8' });
  const running = project.start();
  await untilStatus('all were read', running, (source, [sink]) => {
    return source.state === 'streaming' && sink!.deadLetters === 2 && sink!.lagRecords === 0;
  });
  const { result } = JSON.parse((await project.run(['dlq', 'ls', 'shop', '--json'])).stdout);
  const { id } = (result as DeadLetterList).letters[0]!;
  for (const { commands, expected } of blocksOf(guide)) {
    const words = commands[0]!
      .replace(/\bID\b/, id)
      .split(' ')
      .slice(1);
    const { stdout, stderr } = await project.run(words);
    expect(stdout + stderr, words.join(' ')).toMatch(expectedPattern(expected!, true));
    if (words.includes('--yes')) await until('done', async () => (await waiting(project)) < 2, running);
  }
  const database = new DatabaseSync(join(project.dir, 'copy.db'), { readOnly: true, timeout: 5_000 });
  onTestFinished(() => database.close());
  expect(database.prepare('select id, amount from orders order by id').all()).toMatchObject([
    { id: 1, amount: 10 },
    { id: 2, amount: 12 },
    { id: 3, amount: 30 },
  ]);
  expect((await running.stop()).code).toBe(0);
  const stopped = await project.run(['dlq', 'ls', 'shop', '--state', 'all', '--json']);
  expect(JSON.parse(stopped.stdout).result.letters).toMatchObject([{ state: 'resolved' }, { state: 'discarded' }]);
});

async function waiting(project: Project): Promise<number> {
  const { stdout } = await project.run(['dlq', 'ls', 'shop', '--state', 'open,held,retrying', '--json']);
  return (JSON.parse(stdout).result as DeadLetterList).total;
}

test('the commands in the text are understood', () => {
  const lines = [...guide.matchAll(/`tailrace (dlq \w+) ([^`]*)`/g)];
  expect(lines.length).toBeGreaterThan(2);
  for (const [, name, words = ''] of lines) {
    const command = dlq.commands.find((one) => one.name === name)!;
    expect(() => parseArguments(command, words.split(' ')), words).not.toThrow();
  }
});
