/** Values whose text is near or above what the server can send. Only in `npm run chaos -- postgres`: they take gigabytes. */
import { expect, test } from 'vitest';
import { postgresScenes, read, sourceOptions } from '../../test/support/postgres-source.ts';

const scene = postgresScenes();
const full = process.env.TAILRACE_FULL !== undefined;

const MB = 1_000_000;
const TABLE = `create table t (id int primary key, v bytea); alter table t alter v set storage external`;
const value = (bytes: number) => `decode(repeat('ab', ${bytes}), 'hex')`;

test.skipIf(!full)('a value of 200 MB comes whole, read and streamed', async () => {
  const made = await scene(['public.t'], TABLE);
  await made.client.query(`insert into t values (1, ${value(200 * MB)})`);
  const reading = read(made.options);
  await reading.until(() => reading.output.rows().length === 1);
  await made.client.query(`insert into t values (2, ${value(200 * MB)})`);
  await reading.until(() => reading.output.rows().length === 2);
  const [first, second] = reading.output.rows().map(({ after }) => after!.v!);
  expect(first!.length).toBe(Math.ceil((200 * MB) / 3) * 4);
  expect(first === second).toBe(true);
  expect(first!.startsWith('q6urq6ur')).toBe(true);
});

test.skipIf(!full)(
  'invariant 5: a value whose text is above 1 GB stops the source with a way out, and is not tried for ever',
  async () => {
    const made = await scene(['public.t'], TABLE);
    const reading = read(made.options);
    await reading.until(() => reading.output.transactions.length === 1);
    await made.client.query(`insert into t values (1, ${value(300 * MB)} || ${value(300 * MB)})`);
    const tooLarge = {
      code: 'source.unsupported',
      message: expect.stringContaining('a row of public.t is too large by v (1200 MB as text): changes after '),
      remedy: expect.stringMatching(made.server.major < 15 ? /larger than 1 GB/ : /CREATE PUBLICATION.*_without/),
    };
    expect(await reading.failed).toMatchObject(tooLarge);
    expect(await read(made.options, reading.output.lastPosition).failed).toMatchObject(tooLarge);
    // The snapshot cannot have it either.
    const { name, tables } = made.options;
    const error = (await read(sourceOptions(made.url, `${name}_second`, tables)).failed) as { remedy: string };
    expect(error).toMatchObject({ ...tooLarge, message: expect.stringContaining('too large by v') });
    if (made.server.major < 15) return;
    const [, sql, publication] = /(CREATE PUBLICATION .*;) then set `publication: (\w+)`/.exec(error.remedy)!;
    await made.client.query(sql!);
    const slim = read(sourceOptions(made.url, `${name}_slim`, tables, {}, { publication }));
    await slim.until(() => slim.output.rows().length === 1);
    expect(slim.output.rows()).toMatchObject([{ op: 'r', after: { id: '1' } }]);
  },
);
