/** What is wrong outside, as the user meets it: the command line as a process, on real servers. Clear words, exit codes. */
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { freePort } from '../../demo/servers/free-port.ts';
import { type PostgresServer, startPostgres } from '../../demo/servers/postgres.ts';
import { Project, until, untilStatus } from '../support/project.ts';

const LAUNCHER = fileURLToPath(new URL('../../bin/tailrace.cjs', import.meta.url));
const PASSWORD = 'canary-Qv37';

let server: PostgresServer;
let replica: PostgresServer;
let replicaUrl: string;

beforeAll(async () => {
  [server, replica] = await Promise.all([startPostgres(), startPostgres({ settings: { wal_level: 'replica' } })]);
  replicaUrl = await replica.createDatabase('shop');
  await query(replicaUrl, 'create table items (id int primary key)');
  await query(server.url, `create role shop login replication password '${PASSWORD}'`);
});
afterAll(async () => {
  await Promise.all([server?.stop(), replica?.stop()]);
});

async function query(url: string, sql: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

let databases = 0;

interface Options {
  readonly tables?: string;
  readonly sourceUrl?: (url: string) => string;
  readonly sink?: string;
  readonly settings?: string;
}

/** A database with three rows, and a project that carries them into a file. */
async function scene({ tables = 'public.items', sourceUrl = (url) => url, sink, settings }: Options = {}) {
  const name = `bad${++databases}`;
  const url = await server.createDatabase(name);
  await query(url, 'create table items (id int primary key, v text); create table keyless (v text)');
  await query(url, `insert into items values (1, 'row value'), (2, 'b'), (3, 'c')`);
  const yaml = `name: ${name}
source:
  type: postgres
  url: \${SOURCE_URL}
  tables: [${tables}]
sink:
  ${sink ?? 'type: file\n  path: out.jsonl'}
`;
  const project = await Project.make(yaml, { SOURCE_URL: sourceUrl(url) }, settings);
  return { project, rows: () => readFileSync(join(project.dir, 'out.jsonl'), 'utf8').match(/"op":"r"/g)?.length };
}

function as(user: string, password: string): (url: string) => string {
  return (url) => Object.assign(new URL(url), { username: user, password }).href;
}

describe('run and check say what is wrong and what to do', () => {
  test.each([
    ['a wrong password', { sourceUrl: as('shop', 'wrong') }, 3, 3, /refused the login/, /check user, password/],
    ['a table that does not exist', { tables: 'public.itmes' }, 3, 4, /public\.itmes does not exist/, /tables/],
    ['a table without primary key', { tables: 'public.keyless' }, 3, 4, /keyless has no key/, /ADD PRIMARY KEY/],
    [
      'a server with wal_level = replica',
      { sourceUrl: () => replicaUrl },
      3,
      4,
      /wal_level/,
      /ALTER SYSTEM SET wal_level = .?logical/i,
    ],
  ] as const)('%s', async (_, options, runCode, checkCode, message, remedy) => {
    const { project } = await scene(options);
    const ran = await project.run(['run']);
    expect(ran.code, ran.stderr).toBe(runCode);
    expect(ran.stderr).toMatch(message);
    expect(ran.stderr).toMatch(remedy);
    const checked = await project.run(['check']);
    expect(checked.code, checked.stdout).toBe(checkCode);
    expect(checked.stdout).toMatch(remedy);
  });

  test('a source server that is not there: check says so, run keeps trying', async () => {
    const port = await freePort();
    const { project } = await scene({ sourceUrl: () => `postgres://shop:${PASSWORD}@127.0.0.1:${port}/d` });
    const checked = await project.run(['check', '--json']);
    expect(checked.code).toBe(3);
    expect(checked.stdout + checked.stderr).not.toContain(PASSWORD);
    const running = project.start();
    await untilStatus('retrying', running, ({ state, problem }) => state === 'retrying' && problem !== null);
    expect((await running.status())?.pipelines[0]?.sources[0]?.problem?.code).toBe('source.unreachable');
    expect((await running.stop()).code).toBe(0);
    expect(running.lastLines.join('\n')).not.toContain(PASSWORD);
  });

  test('a target that is not there: the rows are in the log, the sink keeps trying', async () => {
    const sink = `type: redis\n  url: redis://127.0.0.1:${await freePort()}\n  key: item:{id}`;
    const { project } = await scene({ sink });
    expect((await project.run(['check'])).code).toBe(3);
    const running = project.start();
    await untilStatus('retrying', running, (source, [one]) => one?.state === 'retrying' && source.rows >= 3);
    const status = await project.run(['status']);
    expect(status).toMatchObject({ code: 0, stdout: expect.stringContaining('sink.unreachable') });
    expect((await running.stop()).code).toBe(0);
  });

  test('a data directory that cannot be', async () => {
    const { project } = await scene({ settings: 'data_dir: ./pipeline.yaml/data\n' });
    const { code, stderr } = await project.run(['run']);
    expect(code).toBe(3);
    expect(stderr).toContain('log.unwritable');
  });

  test('a port that is taken', async () => {
    const { project } = await scene();
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(project.httpPort, '127.0.0.1', resolve));
    onTestFinished(() => void other.close());
    const { code, stderr } = await project.run(['run']);
    expect(code).toBe(3);
    expect(stderr).toContain('api.port_in_use');
    expect(stderr).toContain('http.port');
  });

  test('a misspelt column to be dropped before the log: nothing is read', async () => {
    const { project } = await scene();
    const yaml = readFileSync(project.file, 'utf8').replace('sink:', '  transform:\n    - drop: [vv]\nsink:');
    writeFileSync(project.file, yaml);
    const { code, stderr } = await project.run(['run']);
    expect(code, stderr).toBe(2);
    expect(stderr).toMatch(/vv/);
    expect(stderr).toContain('did you mean "v"?');
    const topics = await project.run(['topics', '--json']);
    expect(JSON.parse(topics.stdout).result).toBeDefined();
    expect(topics.stdout).toMatch(/"endOffset": ?"0"/);
  });

  test('a misspelt column is found by check, in the expression', async () => {
    const { project } = await scene({ sink: 'type: file\n  path: out.jsonl\n  transform:\n    - filter: idd > 1' });
    const { code, stdout } = await project.run(['check']);
    expect(code).toBe(2);
    expect(stdout).toContain(`pipeline.yaml:10:15  error  unknown-column`);
    expect(stdout).toMatch(/> 10 \| {5}- filter: idd > 1\n +\| +\^{3} .*"id"/);
  });
});

describe('a running instance', () => {
  test('is looked at over its API, after a kill in its data directory; it goes on and stops at a signal', async () => {
    const { project, rows } = await scene({ sourceUrl: as('shop', PASSWORD) });
    await query(server.url, `alter role shop superuser`);
    const first = project.start();
    await untilStatus('three rows', first, (_, [sink]) => sink?.records === 3 + 2);
    const live = await project.run(['status', '--json']);
    expect(JSON.parse(live.stdout).result.running).toBe(true);
    expect((await project.run(['topics'])).stdout).toMatch(/\.public\.items +compact +\d/);
    first.kill();
    await first.exited;
    expect(JSON.parse(readFileSync(join(project.dir, 'data', 'api.json'), 'utf8')).url).toContain('127.0.0.1');
    const after = await project.run(['status', '--json']);
    expect(JSON.parse(after.stdout).result).toMatchObject({ running: false, pid: null });
    expect((await project.run(['topics'])).stdout).toMatch(/\.public\.items +compact +\d/);
    const second = project.start();
    await untilStatus('running again', second, (_, [sink]) => sink?.state === 'running' && sink.lagRecords === 0);
    const all = JSON.stringify([live, after, await second.status()]) + first.lastLines.join() + second.lastLines.join();
    const stopping = performance.now();
    expect((await second.stop()).code).toBe(0);
    expect(performance.now() - stopping).toBeLessThan(5_000);
    expect(rows()).toBe(3);
    expect(all).not.toContain(PASSWORD);
    expect(all).not.toContain('row value');
  });

  test('ends when the reader of its output goes away', async () => {
    const { project } = await scene();
    const env = { ...process.env, ...project.variables };
    const words = ['-c', '"$0" "$1" run 2>err.txt | head -n 1; wait', process.execPath, LAUNCHER];
    const shell = spawn('/bin/sh', words, { cwd: project.dir, env, stdio: ['ignore', 'pipe', 'ignore'] });
    let out = '';
    shell.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    await new Promise((resolve) => shell.once('close', resolve));
    expect(out.trim().split('\n')).toHaveLength(1);
    expect(readFileSync(join(project.dir, 'err.txt'), 'utf8')).toBe('');
    await until('its API is gone', async () => {
      const answer = await fetch(`http://127.0.0.1:${project.httpPort}/health`).catch(() => null);
      return answer === null;
    });
  });
});

test('an invalid pipeline beside a running instance changes nothing there', async () => {
  const { project } = await scene();
  writeFileSync(join(project.dir, 'other.yaml'), 'source: {\n');
  const { code, stderr } = await project.run(['run']);
  expect(code).toBe(2);
  expect(stderr).toContain('other.yaml:2:1  error');
  const lint = await project.run(['lint', '--json']);
  expect(JSON.parse(lint.stdout)).toMatchObject({ ok: false, result: { problems: [{ file: 'other.yaml' }] } });
});
