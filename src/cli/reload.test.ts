import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { cli, FakeRunning, fakeApp, fakeSubjects, projectDir, Terminal } from '../../test/support/cli.ts';
import { startApi } from '../api/server.ts';
import type { Reloaded, ReloadPlan } from '../contracts/reload.ts';
import { FileReload } from '../pipeline/file-reload.ts';
import { main } from './main.ts';

const shop = (index: string) => `source:
  type: postgres
  url: postgres://shop:hunter2hunter2@h/d
  tables: [public.products]
sink: { type: elasticsearch, url: http://h:9200, index: ${index} }
`;

const CONDITION = { timeout: 10_000, interval: 5 };

test('dev: a saved file is applied, one with problems is not', async () => {
  const running = new FakeRunning();
  const dir = projectDir({ 'shop.yaml': shop('a'), 'tailrace.yaml': '' });
  const terminal = new Terminal(dir);
  const exit = main(['dev'], async () => fakeApp({ start: async (_, __, log) => running.loggingTo(log) }), terminal);
  await vi.waitFor(() => expect(terminal.out).toContain('running shop'), CONDITION);
  writeFileSync(join(dir, 'shop.yaml'), shop('a').replace('tables', 'tabels'));
  await vi.waitFor(() => expect(terminal.out).toContain('what ran before goes on'), CONDITION);
  expect(terminal.err).toContain('shop.yaml:4:3  error  unknown-key');
  expect(running.reloads).toEqual([]);
  writeFileSync(join(dir, 'shop.yaml'), shop('b'));
  await vi.waitFor(() => expect(terminal.out).toContain('files changed: restarted sink shop/sink'), CONDITION);
  expect(running.reloads).toMatchObject([[{ name: 'shop', sinks: [{ config: { index: 'b' } }] }]]);
  terminal.signal('SIGTERM');
  expect(await exit).toBe(0);
  expect(`${terminal.out}${terminal.err}`).not.toContain('hunter2');
});

const PLAN: ReloadPlan = {
  hash: '7f3a9c7f3a9c',
  changes: [
    {
      change: 'changed',
      pipeline: 'shop',
      kind: 'sink',
      name: 'search',
      fields: [
        { name: 'transform', before: '[]', after: '[{"filter":"key <> \'canary-secret\'"}]' },
        { name: 'config.url', before: null, after: null },
      ],
      consequences: ['restarts; goes on from its committed position'],
      remedy: 'tailrace rebuild shop/search',
    },
  ],
  untouched: ['source shop'],
};
const RELOADED: Reloaded = { plan: PLAN, started: [], restarted: ['sink shop/search'], stopped: [] };

/** A project whose instance runs; its files have problems when the test says so. */
async function running() {
  const dir = projectDir({ 'tailrace.yaml': '', 'data/x': '' });
  const state = { problems: [] as object[], reloads: 0 };
  const instance = {
    checkRules: async () => {},
    withEffects: async (plan: ReloadPlan) => plan,
    planReload: () => PLAN,
    reload: async () => {
      state.reloads++;
      return RELOADED;
    },
  };
  const load = async () => ({ problems: state.problems as never, pipelines: [] });
  const reloader = new FileReload(instance, load, (text) => text.replaceAll('canary-secret', '***'));
  const subjects = fakeSubjects({ reloader });
  const api = await startApi(subjects, { host: '127.0.0.1', port: 0, dataDir: join(dir, 'data'), log: () => {} });
  onTestFinished(() => api.close());
  return { dir, state };
}

const SHOWN = `~ sink shop/search
    transform  [] → [{"filter":"key <> '***'"}]
    config.url
      restarts; goes on from its committed position
      → tailrace rebuild shop/search
no effect on: source shop
plan 7f3a9c7f3a9c
`;

test('plan: what would change and what comes of it, without secrets', async () => {
  const { dir, state } = await running();
  const { code, out } = await cli(['plan'], { dir });
  expect(out).toBe(`${SHOWN}apply exactly this: tailrace apply --plan 7f3a9c7f3a9c\n`);
  expect([code, state.reloads]).toEqual([0, 0]);
});

test('apply: exactly the plan that was looked at, or after a yes', async () => {
  const { dir, state } = await running();
  const planned = await cli(['apply', '--plan', '7f3a9c7f3a9c'], { dir });
  expect(planned).toMatchObject({ code: 0, out: 'restarted sink shop/search\n' });
  const other = await cli(['apply', '--plan', '000000000000'], { dir });
  expect(other).toMatchObject({ code: 3, err: expect.stringContaining('plan.changed') });
  const unasked = await cli(['apply'], { dir });
  expect(unasked).toMatchObject({ code: 2, err: expect.stringContaining(SHOWN) });
  expect(state.reloads).toBe(1);
  expect((await cli(['apply', '--yes'], { dir })).code).toBe(0);
  expect(state.reloads).toBe(2);
});

test('apply: files with problems change nothing', async () => {
  const { dir, state } = await running();
  const place = { file: 'shop.yaml', line: 4, column: 3, level: 'error', code: 'unknown-key' };
  state.problems = [{ ...place, message: '"tabels" is no key', fix: 'did you mean "tables"?' }];
  const { code, err } = await cli(['apply', '--yes'], { dir });
  expect([code, state.reloads]).toEqual([2, 0]);
  expect(err).toContain('config.invalid  shop.yaml:4:3  "tabels" is no key; what runs goes on');
});
