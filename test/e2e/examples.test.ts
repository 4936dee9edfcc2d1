/** The examples in pipelines/: every command of their READMEs, with a real process and kafkajs as the client. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { startPostgres } from '../../demo/servers/postgres.ts';
import { until } from '../support/project.ts';
import { blocksOf, expectedPattern, ReadmeRun } from '../support/readme-commands.ts';

const FOLDERS = readdirSync(fileURLToPath(new URL('../../pipelines', import.meta.url)), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

test('every folder is an example with a test here', () => {
  expect(FOLDERS.sort()).toEqual(['lookup', 'messaging', 'outbox', 'positions', 'resync']);
});

test.concurrent('messaging: every job is done, what was not acknowledged by another worker', {
  timeout: 120_000,
}, async ({ onTestFinished }) => {
  const run = await ReadmeRun.of('pipelines/messaging', onTestFinished);
  await run.runAll();
  const printed = (worker: string) => run.printed.get(`node worker.ts ${worker}`) ?? '';
  const jobs = (worker: string, verb: string) =>
    [...printed(worker).matchAll(new RegExp(`${verb} job (\\d+)`, 'g'))].map(([, job]) => Number(job));
  const others = () => [...jobs('bob', 'did'), ...jobs('cid', 'did')];
  const done = () => new Set([...jobs('ann 3', 'did'), ...others()]);
  await until('all jobs are done', async () => done().size === 30);
  const interrupted = jobs('ann 3', 'takes').at(-1)!;
  expect(jobs('ann 3', 'did')).not.toContain(interrupted);
  expect(others()).toContain(interrupted);
  for (const job of jobs('ann 3', 'did')) expect(others()).not.toContain(job);
  expect(jobs('bob', 'did').length).toBeGreaterThan(0);
  expect(jobs('cid', 'did').length).toBeGreaterThan(0);
});

test.concurrent('lookup: orders follow their customers', { timeout: 120_000 }, async ({ onTestFinished }) => {
  const server = await startPostgres();
  onTestFinished(() => server.stop());
  await (await ReadmeRun.of('pipelines/lookup', onTestFinished, { SHOP_PG_URL: server.url })).runAll();
});

test.concurrent('outbox: there is a mail for each order that was placed', { timeout: 120_000 }, async ({
  onTestFinished,
}) => {
  const server = await startPostgres();
  onTestFinished(() => server.stop());
  const run = await ReadmeRun.of('pipelines/outbox', onTestFinished, { SHOP_PG_URL: server.url });
  await run.runAll();
  const mails = () =>
    [...(run.printed.get('node mailer.ts') ?? '').matchAll(/order (\d+)/g)].map(([, id]) => Number(id));
  await until('the last mail is sent', async () => mails().length === 4);
  expect(mails()).toEqual([1, 2, 4, 5]);
});

test.concurrent('positions: records are read from where the reader wants', { timeout: 120_000 }, async ({
  onTestFinished,
}) => {
  await (await ReadmeRun.of('pipelines/positions', onTestFinished)).runAll();
});

test.concurrent('resync: replicas have the same state, before and after compaction, and follow', {
  timeout: 120_000,
}, async ({ onTestFinished }) => {
  const run = await ReadmeRun.of('pipelines/resync', onTestFinished);
  await run.runAll();
  const follower = () => run.printed.get('node replica.ts follow') ?? '';
  await until('the follower hears of the change', async () => follower().includes('followed: 50 accounts'));
  const sums = [...run.printed.values()].flatMap((text) => [...text.matchAll(/: 49 accounts, sum (\w+)/g)]);
  expect(sums.length).toBeGreaterThan(1);
  expect(new Set(sums.map(([, sum]) => sum)).size).toBe(1);
});

test('what a README expects is held against what was printed', () => {
  const [block] = blocksOf('```sh\na\nb\n```\n\n```text\nx … y\n…\nz\n```\n');
  expect(block).toEqual({ commands: ['a', 'b'], isBackground: false, expected: 'x … y\n…\nz\n' });
  const whole = expectedPattern(block!.expected!, true);
  expect(whole.test('x 1 y\nz\n')).toBe(true);
  expect(whole.test('x 1 y\nq\nr\nz  \n')).toBe(true);
  expect(whole.test('x 1 y\nq\n')).toBe(false);
  expect(whole.test('x 1 y\nz\nmore\n')).toBe(false);
  expect(expectedPattern('… b …\n', false).test('first\na b c\nlast\n')).toBe(true);
});
