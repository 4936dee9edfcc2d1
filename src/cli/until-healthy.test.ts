import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { cli, fakeSubjects, projectDir, STOPPED } from '../../test/support/cli.ts';
import { startApi } from '../api/server.ts';
import type { InstanceStatus, TaskState } from '../contracts/control.ts';
import { TailraceError } from '../contracts/errors.ts';
import { untilHealthy } from './until-healthy.ts';

const sinks = (state: TaskState) => [
  { name: 'out', type: 'b', state, problem: null, records: 0, deadLetters: 0, lagRecords: 0, lagMs: 0 },
];
const statusOf = (state: TaskState): InstanceStatus => ({
  ...STOPPED,
  running: true,
  pipelines: [{ name: 'shop', sources: [], sinks: sinks(state) }],
});

test('an instance is waited for, from before it is there until all of it works', async () => {
  const looks: (() => InstanceStatus)[] = [
    () => {
      throw new TailraceError('config.not_found', 'no data directory');
    },
    () => ({ ...statusOf('running'), running: false }),
    () => statusOf('retrying'),
    () => statusOf('running'),
  ];
  expect(await untilHealthy(async () => looks.shift()!(), 60_000)).toEqual(statusOf('running'));
  expect(looks).toEqual([]);
});

test('what is wrong with the files is no reason to wait', async () => {
  const wrong = new TailraceError('config.invalid', 'x');
  await expect(untilHealthy(() => Promise.reject(wrong), 60_000)).rejects.toBe(wrong);
});

test('status --exit-when-healthy: exit code 0 when it is, 4 when it is not in time', async () => {
  const dir = projectDir({ 'tailrace.yaml': '', 'data/x': '' });
  let state: TaskState = 'starting';
  const control = { status: () => statusOf(state), topics: () => [] };
  const options = { host: '127.0.0.1', port: 0, dataDir: join(dir, 'data'), log: () => {} };
  const api = await startApi(fakeSubjects({ control }), options);
  onTestFinished(() => api.close());
  const args = ['status', '--exit-when-healthy', '--timeout', '1'];
  expect((await cli(args, { dir })).code).toBe(4);
  state = 'running';
  expect((await cli(args, { dir })).code).toBe(0);
});
