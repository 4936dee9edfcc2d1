/** Large values that PostgreSQL leaves out of updates, through the whole process, which is killed in between. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { startPostgres } from '../../demo/servers/postgres.ts';
import { Project, until, untilStatus } from '../support/project.ts';

const YAML = `name: articles
source:
  type: postgres
  url: \${SOURCE_URL}
  tables: [public.t]
transform:
  - filter: body like 'b%'
sink:
  type: file
  path: out.jsonl
`;

test('invariant 9: a filter over a large value, and a target that keeps whole rows, get what updates leave out', async () => {
  const server = await startPostgres();
  onTestFinished(() => server.stop());
  const url = await server.createDatabase('articles');
  const client = new pg.Client(url);
  await client.connect();
  onTestFinished(() => client.end().catch(() => {}));
  const body = `(select 'b' || string_agg(md5(i::text), '') from generate_series(1, 200) i)`;
  await client.query(`create table t (id int primary key, n int, body text); insert into t values (1, 0, ${body})`);
  const project = await Project.make(YAML, { SOURCE_URL: url });
  /** Of whole lines: the last one may be on its way. */
  const rows = () => {
    const path = join(project.dir, 'out.jsonl');
    const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : [];
    return lines.flatMap((line) => {
      const { after } = JSON.parse(line) as { readonly after?: Record<string, unknown> | null };
      return after == null ? [] : [after];
    });
  };
  const first = project.start();
  await untilStatus('streaming', first, ({ state }) => state === 'streaming');
  await client.query('update t set n = 1');
  await until('the first update', async () => rows().some(({ n }) => n === 1), first);
  first.kill();
  await first.exited;
  await client.query('update t set n = 2');
  const second = project.start();
  await until('the second update', async () => rows().some(({ n }) => n === 2), second);
  const found = await client.query<{ body: string }>('select body from t');
  expect(rows().map((row) => row.body)).toEqual(rows().map(() => found.rows[0]!.body));
  expect(rows().length).toBeGreaterThanOrEqual(3);
  expect((await second.status())!.pipelines[0]!.sinks[0]!.deadLetters).toBe(0);
});
