/** A target that another log has fed: the sink stops, and `adopt` takes it over. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { startPostgres } from '../../demo/servers/postgres.ts';
import type { TailraceProcess } from '../../demo/tailrace-process.ts';
import { Project, untilStatus } from '../support/project.ts';

const YAML = `name: shop
source:
  type: postgres
  url: \${SOURCE_URL}
  tables: [public.items]
  on_gap: resnapshot
sinks:
  copy:
    type: sqlite
    path: ./copy.db
`;

/** A version of an hour from now. */
const aheadOfUs = () => BigInt(Date.now() + 3_600_000) * 256_000n;

test('invariant 7: a target of another log is taken over, and equals the source then', {
  timeout: 180_000,
}, async () => {
  const server = await startPostgres();
  onTestFinished(() => server.stop());
  const url = await server.createDatabase('adopted');
  const client = new pg.Client(url);
  await client.connect();
  onTestFinished(() => client.end());
  await client.query('create table items (id int primary key, name text)');
  await client.query(`insert into items select i, 'item ' || i from generate_series(1, 20) i`);
  const project = await Project.make(YAML, { SOURCE_URL: url }, 'data_dir: ./first\n');
  const first = project.start();
  await untilStatus('copied', first, (source, [sink]) => source.state === 'streaming' && sink!.records > 20);
  expect((await first.stop()).code).toBe(0);
  expect((await project.run(['log', 'backup', './saved'])).code).toBe(0);
  const second = project.start();
  await client.query(`update items set name = 'later' where id <= 5; delete from items where id > 18`);
  await untilStatus('goes on', second, (source, [sink]) => source.transactions > 0 && sink!.lagRecords === 0);
  expect((await second.stop()).code).toBe(0);
  await client.query(`update items set name = 'last' where id = 2; delete from items where id = 3`);
  change(
    join(project.dir, 'copy.db'),
    `update items set name = 'elsewhere', _tr_version = ${aheadOfUs()} where id in (2, 3)`,
  );

  writeFileSync(join(project.dir, 'tailrace.yaml'), `http:\n  port: ${project.httpPort}\ndata_dir: ./other\n`);
  expect((await project.run(['log', 'restore', './saved'])).code).toBe(0);
  const restored = project.start();
  await untilEqual(client, project, restored);
  expect(restored.lastLines.join('\n')).toContain('takes over a target that another log has fed');
  expect((await restored.stop()).code).toBe(0);

  // A log that is new, and a source that starts over for nobody: it is taken over when somebody says so.
  writeFileSync(project.file, YAML.replace('  on_gap: resnapshot\n', ''));
  writeFileSync(join(project.dir, 'tailrace.yaml'), `http:\n  port: ${project.httpPort}\ndata_dir: ./new\n`);
  expect((await project.run(['teardown', '--yes'])).code).toBe(0);
  change(
    join(project.dir, 'copy.db'),
    `update items set name = 'elsewhere', _tr_version = ${aheadOfUs()} where id = 2`,
  );
  const fresh = project.start();
  await untilStatus('stops', fresh, (source, [sink]) => sink!.state === 'gap' && source.state === 'streaming');
  const { problem } = (await fresh.status())!.pipelines[0]!.sinks[0]!;
  expect(problem).toMatchObject({ code: 'sink.other_log', remedy: expect.stringContaining('tailrace adopt') });
  const adopted = await project.run(['adopt', 'shop/copy', '--yes']);
  expect([adopted.code, adopted.stdout]).toEqual([0, 'shop/copy adopted; reading 1 table once more\n']);
  await untilEqual(client, project, fresh);
  const again = await project.run(['adopt', 'shop/copy', '--yes']);
  expect([again.code, again.stderr]).toEqual([3, expect.stringContaining('adopt.refused')]);
  expect((await fresh.stop()).code).toBe(0);
});

let news = 0;

/** With a change that comes last. */
async function untilEqual(client: pg.Client, project: Project, running: TailraceProcess): Promise<void> {
  await untilStatus('the sink runs', running, (source, [sink]) => {
    return sink!.state === 'running' && source.upstream?.snapshots.length === 0;
  });
  const name = `new ${++news}`;
  await client.query('update items set name = $1 where id = 7', [name]);
  await untilStatus('the last change is there', running, (_, [sink]) => {
    return rows(project).includes(`7 ${name}`) && sink!.lagRecords === 0;
  });
  const { rows: wanted } = await client.query<{ row: string }>(
    `select id || ' ' || name as row from items order by id`,
  );
  expect(rows(project)).toEqual(wanted.map(({ row }) => row));
}

function rows({ dir }: Project): unknown[] {
  const database = new DatabaseSync(join(dir, 'copy.db'), { readOnly: true, timeout: 5_000 });
  const found = database.prepare(`select id || ' ' || name as row from items order by id`).all();
  database.close();
  return found.map(({ row }) => row);
}

function change(path: string, sql: string): void {
  const database = new DatabaseSync(path, { timeout: 5_000 });
  database.exec(sql);
  database.close();
}
