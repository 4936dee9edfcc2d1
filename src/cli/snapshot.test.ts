/** The snapshot commands: what they ask for, and what they show. */
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { cli, fakeSubjects, projectDir } from '../../test/support/cli.ts';
import { startApi } from '../api/server.ts';
import type { InstanceStatus, SnapshotPlaces, SourceSnapshots } from '../contracts/control.ts';
import type { SnapshotCommand, SnapshotStatus } from '../contracts/upstream.ts';

const READING: SnapshotStatus = {
  table: 'public.products',
  kind: 'initial',
  state: 'reading',
  rows: 281_000,
  estimatedRows: 412_000,
  percent: 68,
  rowsPerSecond: 9_800,
  etaSeconds: 13,
};
const WAITING: SnapshotStatus = {
  table: 'public.customers',
  kind: 'refresh',
  state: 'waiting',
  rows: 0,
  estimatedRows: null,
  percent: null,
  rowsPerSecond: null,
  etaSeconds: null,
};
const FOUND: SourceSnapshots = { pipeline: 'shop', source: 'db', state: 'snapshot', snapshots: [READING, WAITING] };
const SHOWN = `db
  public.products   ██████████░░░░░░  68%  281,000 / ~412,000 rows  9,800 rows/s  ETA 13 s
  public.customers                         0 rows                   waiting                 once more
`;

/** A project whose instance runs, reading what `left` says at each look. */
async function running(left: () => readonly SnapshotStatus[] = () => FOUND.snapshots) {
  const dir = projectDir({ 'tailrace.yaml': '', 'data/x': '' });
  const told: [string, SnapshotCommand][] = [];
  const list = () => [{ ...FOUND, snapshots: left() }];
  const snapshots: SnapshotPlaces = {
    list,
    async tell(place, command) {
      told.push([place, command]);
      return list();
    },
  };
  const control = { status: () => statusOf(left()), topics: () => [] };
  const subjects = fakeSubjects({ control, snapshots });
  const api = await startApi(subjects, { host: '127.0.0.1', port: 0, dataDir: join(dir, 'data'), log: () => {} });
  onTestFinished(() => api.close());
  return { dir, told };
}

function statusOf(snapshots: readonly SnapshotStatus[]): InstanceStatus {
  const counts = { rows: 1, transactions: 1, position: null, lastCommitMs: null, problem: null };
  const warning = { message: 'the slot is nearly lost', remedy: 'raise it', since: 1 };
  const upstream = { snapshots, retention: null, warnings: [warning] };
  const source = { name: 'db', type: 'a', state: 'snapshot' as const, ...counts, upstream };
  return {
    instance: 'main',
    running: true,
    pid: 1,
    startedMs: Date.now(),
    pipelines: [{ name: 'shop', sources: [source], sinks: [] }],
  };
}

test('snapshot status: bar, share, rows, rate and the time left, of a pipeline or a source', async () => {
  const { dir } = await running();
  for (const args of [['status', 'shop'], ['status', 'db'], ['status'], [], ['db', 'status']]) {
    expect(await cli(['snapshot', ...args], { dir })).toEqual({ code: 0, out: SHOWN, err: '' });
  }
  const json = JSON.parse((await cli(['snapshot', 'status', '--json'], { dir })).out);
  expect(json).toMatchObject({ command: 'snapshot status', summary: '2 tables being read', result: [FOUND] });
  expect((await cli(['snapshot', 'status', 'shpo'], { dir })).err).toContain('no pipeline and no source "shpo"');
  const plain = await cli(['snapshot'], { dir, env: { LANG: 'C' } });
  expect(plain.out).toContain('##########......  68%');
});

test('status and top show them below their source', async () => {
  const { dir } = await running();
  const { out } = await cli(['status'], { dir });
  expect(out).toContain('    public.products   ██████████░░░░░░  68%');
  expect(out).toContain('    ! warning  the slot is nearly lost\n      → raise it\n');
  const top = await cli(['top', '--once', '--every', '1'], { dir });
  expect(top.out).toMatch(/table {3}db public\.products {3}reading 68% {2}9,800 +131,000 +13 s/);
});

test('what is told is what is asked for', async () => {
  const { dir, told } = await running();
  const run = async (...args: string[]) => (await cli(['snapshot', ...args], { dir })).code;
  expect(await run('start', 'shop')).toBe(0);
  expect(await run('shop', 'start', 'products', 'public.a,b')).toBe(0);
  expect(await run('start', 'db', 'products', '--where', 'price > 3')).toBe(0);
  expect(await run('start', 'db', 'products', '--keys', '1,x')).toBe(0);
  expect(await run('start', 'db', 'products', '--keys', '[["a,b",9007199254740993],"c"]')).toBe(0);
  expect(await run('pause', 'db')).toBe(0);
  expect(await run('resume', 'db')).toBe(0);
  expect(await run('cancel', 'db')).toBe(0);
  expect(await run('cancel', 'db', 'products')).toBe(0);
  const products = ['products'];
  const absent = 'delete';
  expect(told).toEqual([
    ['shop', { do: 'start', tables: null }],
    ['shop', { do: 'start', tables: ['products', 'public.a', 'b'] }],
    ['db', { do: 'start', tables: products, rows: { where: 'price > 3' } }],
    ['db', { do: 'start', tables: products, rows: { keys: [['1'], ['x']], absent } }],
    ['db', { do: 'start', tables: products, rows: { keys: [['a,b', '9007199254740993'], ['c']], absent } }],
    ['db', { do: 'pause' }],
    ['db', { do: 'resume' }],
    ['db', { do: 'cancel', tables: null }],
    ['db', { do: 'cancel', tables: products }],
  ]);
});

test('what cannot be meant is refused, and nothing is told', async () => {
  const { dir, told } = await running();
  const err = async (...args: string[]) => (await cli(['snapshot', ...args], { dir })).err;
  expect(await err('start')).toContain('needs the name of a pipeline or source');
  expect(await err('start', 'db', 't', '--keys', '[1')).toContain('is no list of keys');
  expect(await err('start', 'db', 't', '--keys', '1', '--where', 'true')).toContain('exclude each other');
  expect(await err('start', 'db', '--keys', '1')).toContain('those of one table');
  expect(await err('start', 'db', 't', '--keys', Array.from({ length: 1_001 }, String).join())).toContain(
    'at most 1000',
  );
  expect(await err('strat', 'db')).toContain('did you mean "start"?');
  expect(told).toEqual([]);
});

test('--wait answers when the tables were read', async () => {
  let looks = 0;
  const { dir } = await running(() => (looks++ < 2 ? FOUND.snapshots : []));
  const { code, out } = await cli(['snapshot', 'start', 'db', '--wait'], { dir });
  expect([code, out]).toEqual([0, 'db  nothing is being read\n']);
  expect(looks).toBeGreaterThan(2);
});
