/** docs/write-a-plugin.md does what it says: from nothing to a sink of one's own, and etcd, in a running pipeline. */
import { spawn } from 'node:child_process';
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { startEtcd } from '../demo/servers/etcd.ts';
import { startPostgres } from '../demo/servers/postgres.ts';
import type { TailraceProcess } from '../demo/tailrace-process.ts';
import { guideText } from './support/guide.ts';
import { needServer } from './support/need-server.ts';
import { type Outcome, Project, until, untilStatus } from './support/project.ts';
import { expectedPattern } from './support/readme-commands.ts';

const EXAMPLE = fileURLToPath(new URL('../examples/tailrace-plugin-etcd', import.meta.url));
const guide = guideText('write-a-plugin');
const etcd = await needServer('etcd', () => startEtcd());

interface Step {
  readonly kind: string;
  readonly body: string;
  /** What the commands print; null: anything. */
  readonly expected: string | null;
}

/** Blocks in their order; what is printed goes with the commands before it. */
function stepsOf(markdown: string): Step[] {
  const steps: Step[] = [];
  for (const [, kind = '', body = ''] of markdown.matchAll(
    /^```(sh|sh background|sh failing|yaml|text)\n([\s\S]*?)^```$/gm,
  )) {
    if (kind === 'text') steps.push({ ...steps.pop()!, expected: body });
    else steps.push({ kind, body, expected: null });
  }
  return steps;
}

async function sourceWithOrders(): Promise<{ readonly url: string; readonly client: pg.Client }> {
  const server = await startPostgres();
  onTestFinished(() => server.stop());
  const url = await server.createDatabase('guide');
  const client = new pg.Client(url);
  await client.connect();
  onTestFinished(() => client.end());
  await client.query('create table orders (id int primary key, amount numeric(10,2))');
  await client.query('insert into orders values (1, 10.5), (2, 20)');
  return { url, client };
}

const read = (running: TailraceProcess, what = 'all were read') =>
  untilStatus(
    what,
    running,
    ({ state }, sinks) => state === 'streaming' && sinks.every((sink) => sink.lagRecords === 0),
  );

test.skipIf(etcd === null)('the guide', { timeout: 180_000 }, async () => {
  onTestFinished(() => etcd!.stop());
  const { url, client } = await sourceWithOrders();
  const steps = stepsOf(guide);
  const [single, several] = steps.filter(({ kind }) => kind === 'yaml').map(({ body }) => body);
  const project = await Project.make(single!, {
    SOURCE_URL: url,
    ETCD_URL: etcd!.url,
    LANG: 'C.UTF-8',
    TAILRACE_KIT: 'short',
  });
  cpSync(EXAMPLE, join(project.dir, 'tailrace-plugin-etcd'), { recursive: true });
  let running: TailraceProcess | undefined;
  for (const { kind, body, expected } of steps.filter((step) => step.kind !== 'yaml')) {
    if (kind === 'sh background') {
      running = project.start();
      await read(running);
      continue;
    }
    let printed = '';
    for (const command of body.trim().split('\n')) {
      const { code, stdout, stderr } = await runLine(project, command);
      printed += stdout + stderr;
      const mayFail = kind === 'sh failing' && command.startsWith('tailrace ');
      expect(code, `${command}\n${stdout}${stderr}`).toBe(mayFail ? 4 : 0);
    }
    if (expected !== null) expect(printed).toMatch(expectedPattern(expected, true));
  }
  expect((await running!.stop()).code).toBe(0);
  writeFileSync(project.file, single!.replace(/sink:[\s\S]*/, several!));
  const again = project.start();
  await read(again);
  await client.query(`update orders set amount = 11 where id = 1; delete from orders where id = 2`);
  await until(
    'etcd has what the source has',
    async () => (await ordersInEtcd()).join() === '{"id":1,"amount":"11.00"}',
    again,
  );
  expect((await again.stop()).code).toBe(0);
});

/** As a shell would, with `tailrace` on PATH. */
function runLine(project: Project, line: string): Promise<Outcome> {
  if (line.startsWith('tailrace ')) return project.run(line.split(' ').slice(1));
  const child = spawn('sh', ['-c', line.replace(/^node /, `"${process.execPath}" `)], { cwd: project.dir });
  onTestFinished(() => void child.kill('SIGKILL'));
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, ...output })));
}

async function ordersInEtcd(): Promise<string[]> {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const body = JSON.stringify({ key: base64('/public/orders/'), range_end: base64('/public/orders0') });
  const answer = await fetch(`${etcd!.url}/v3/kv/range`, { method: 'POST', body });
  const { kvs = [] } = (await answer.json()) as { kvs?: { value: string }[] };
  return kvs.map(({ value }) => Buffer.from(value, 'base64').toString());
}
