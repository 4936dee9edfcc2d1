/** `tailrace logs` over the real HTTP API. */
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { cli, fakeSubjects, projectDir, Terminal } from '../../test/support/cli.ts';
import { startApi } from '../api/server.ts';
import type { InstanceStatus } from '../contracts/control.ts';
import { LogBuffer } from '../operations/log-buffer.ts';
import { main } from './main.ts';

const pipelines = [{ name: 'shop', sources: [{ name: 'db' }], sinks: [] }];

async function running() {
  const dir = projectDir({ 'tailrace.yaml': '', 'data/x': '' });
  const subjects = fakeSubjects();
  const buffer = new LogBuffer(() => 1_790_000_000_118);
  const control = { ...subjects.control, status: () => ({ pipelines }) as unknown as InstanceStatus };
  const options = { host: '127.0.0.1', port: 0, dataDir: join(dir, 'data'), log: () => {} };
  const api = await startApi({ ...subjects, control, logs: buffer }, options);
  onTestFinished(() => api.close());
  const log = buffer.keeping(
    () => {},
    (text) => text,
  );
  log('info', 'streams', { source: 'db', position: '0/1' });
  log('warn', 'target is slow', { sink: 'shop/out', remedy: 'wait' });
  log('error', 'lost', { source: 'other' });
  return { dir, log };
}

test('logs: as a file has them; by pipeline and by level; as JSON', async () => {
  const { dir } = await running();
  const first = '2026-09-21T14:13:20.118Z  info   source db  streams  (position=0/1)\n';
  const second = '2026-09-21T14:13:20.118Z  warn   sink shop/out  target is slow -> wait\n';
  const third = '2026-09-21T14:13:20.118Z  error  source other  lost\n';
  expect(await cli(['logs'], { dir })).toEqual({ code: 0, out: first + second + third, err: '' });
  expect((await cli(['logs', 'shop'], { dir })).out).toBe(first + second);
  expect((await cli(['logs', '--level', 'error'], { dir })).out).toBe(third);
  const { out } = await cli(['logs', 'shop', '--level', 'warn', '--json'], { dir });
  expect(JSON.parse(out)).toEqual({
    time: '2026-09-21T14:13:20.118Z',
    level: 'warn',
    message: 'target is slow',
    sink: 'shop/out',
    remedy: 'wait',
  });
});

test('logs: what is not there', async () => {
  const { dir } = await running();
  expect(await cli(['logs', 'shopp'], { dir })).toMatchObject({
    code: 3,
    err: 'error  pipeline.not_found  there is no pipeline "shopp"\n  → did you mean "shop"?\n',
  });
  expect(await cli(['logs', '--level', 'warm'], { dir })).toMatchObject({
    code: 2,
    err: expect.stringContaining('did you mean "warn"?'),
  });
  expect((await cli(['logs'], { dir: projectDir({ 'tailrace.yaml': '' }) })).err).toContain('instance.not_running');
});

test('logs --follow: what comes, until stopped', async () => {
  const { dir, log } = await running();
  const terminal = new Terminal(dir);
  const write = terminal.stdout.write;
  const lines: string[] = [];
  terminal.stdout.write = (text) => {
    write(text);
    lines.push(text);
    if (lines.length === 3) log('info', 'one more', { source: 'db' });
    if (lines.length === 4) terminal.signal('SIGINT');
  };
  expect(await main(['logs', '-f'], async () => Promise.reject(new Error('no app')), terminal)).toBe(0);
  expect(lines.at(-1)).toContain('one more');
});
