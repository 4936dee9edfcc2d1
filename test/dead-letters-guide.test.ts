/** docs/dead-letters.md does what it says: its pipeline runs, its commands print what stands there. */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import { parseArguments } from '../src/cli/arguments.ts';
import { dlq } from '../src/cli/commands/dlq.ts';
import type { DeadLetterList } from '../src/contracts/dead-letters.ts';
import { guideText, startGuide } from './support/guide.ts';
import { type Project, until, untilStatus } from './support/project.ts';
import { blocksOf, expectedPattern } from './support/readme-commands.ts';

const guide = guideText('dead-letters');

test('the guide', { timeout: 120_000 }, async () => {
  const { project, running } = await startGuide(guide, [
    'create table orders (id int primary key, amount text)',
    `insert into orders values (1, '10'), (2, 'n/a'), (3, '30'), (4, '7,5')`,
  ]);
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
