import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { cli, fakeSubjects, projectDir } from '../../test/support/cli.ts';
import { startApi } from '../api/server.ts';
import { TailraceError } from '../contracts/errors.ts';
import type { Inspector, ShownChange, Tapped, TracedChange } from '../contracts/inspect.ts';
import { parseExact } from '../lib/exact-json.ts';

const UPDATE: ShownChange = {
  op: 'update',
  table: 'public.products',
  key: '{"id":9007199254740993}',
  version: '5',
  timeUs: 1_790_000_000_118_000,
  position: '0/1A2B3C',
  transaction: '9912',
  before: { id: parseExact('9007199254740993'), stock: 3, name: 'a' },
  after: { id: parseExact('9007199254740993'), stock: 0, name: 'a' },
};
const DELETE: ShownChange = { ...UPDATE, op: 'delete', before: null, after: null };
const PLACE = { topic: 'shop.public.products', partition: 0, offset: '88121', timestamp: 1_790_000_000_131 };
const FILTER = { number: 2, verb: 'filter', path: ['transform', 1] };

/** A project whose instance runs, with such an inspector. */
async function running(inspector: Partial<Inspector>): Promise<string> {
  const dir = projectDir({ 'tailrace.yaml': '', 'data/x': '' });
  const subjects = fakeSubjects();
  const full = { ...subjects, inspector: { ...subjects.inspector, ...inspector } };
  const api = await startApi(full, { host: '127.0.0.1', port: 0, dataDir: join(dir, 'data'), log: () => {} });
  onTestFinished(() => api.close());
  return dir;
}

async function* tapped(...changes: Tapped[]): AsyncGenerator<readonly Tapped[], void, undefined> {
  yield changes;
}

test('tap: a line for each change, what a step made of it, and what went wrong', async () => {
  const asked: unknown[] = [];
  const error = { code: 'rule.failed', message: 'filter: not known', remedy: 'send whole rows' };
  const dir = await running({
    tap: (request) => {
      asked.push(request);
      return tapped(
        { ...PLACE, step: FILTER, change: UPDATE, results: [DELETE], error: null },
        { ...PLACE, step: null, change: null, results: null, error },
      );
    },
  });
  const { code, out, err } = await cli(['tap', 'shop/search', '--step', '2', '--last', '5', '--key', '1,2'], { dir });
  expect(out).toBe(`14:13:20.131  update    public.products  id=9007199254740993  stock 3→0
              → delete    public.products  id=9007199254740993
14:13:20.131  shop.public.products offset 88121
              ✗ rule.failed  filter: not known
                → send whole rows
`);
  expect([code, err]).toEqual([0, '']);
  expect(asked).toEqual([{ pipeline: 'shop', sink: 'search', step: 2, table: null, key: ['1', '2'], last: 5 }]);
});

test('tap --json: an object a line with all digits; --limit ends it', async () => {
  const change = { ...PLACE, step: null, change: UPDATE, results: null, error: null };
  const dir = await running({ tap: () => tapped(change, change, change) });
  const { code, out } = await cli(['tap', 'shop', '--json', '--limit', '2'], { dir });
  expect(code).toBe(0);
  expect(out.trim().split('\n')).toEqual([JSON.stringify(change), JSON.stringify(change)]);
  expect(out).toContain('"id":9007199254740993');
});

test('tap: an error of the instance, in the middle too', async () => {
  const dir = await running({
    async *tap() {
      yield [];
      throw new TailraceError('pipeline.not_found', 'there is no pipeline "shp"', { remedy: 'did you mean "shop"?' });
    },
  });
  expect(await cli(['tap', 'shp'], { dir })).toMatchObject({
    code: 3,
    out: '',
    err: expect.stringContaining('pipeline.not_found  there is no pipeline "shp"'),
  });
  for (const words of [['tap'], ['tap', '/x'], ['tap', 'a/b/c']]) {
    expect((await cli(words, { dir })).code, words.join(' ')).toBe(2);
  }
});

const STORY: TracedChange = {
  ...PLACE,
  pipeline: 'shop',
  source: 'shop',
  change: UPDATE,
  error: null,
  sinks: [
    {
      sink: 'search',
      steps: [
        { number: 1, verb: 'drop', path: [], outcome: 'passed', condition: null },
        { ...FILTER, outcome: 'dropped', condition: 'stock > 0' },
      ],
      results: [DELETE],
      error: null,
      isAcknowledged: true,
    },
    { sink: 'cache', steps: [], results: [UPDATE], error: null, isAcknowledged: false },
  ],
};

test('trace: the way of a row, with the condition that dropped it', async () => {
  const asked: unknown[] = [];
  const dir = await running({
    trace: async (request) => {
      asked.push(request);
      return [STORY];
    },
  });
  const { code, out } = await cli(['trace', 'products', '9007199254740993'], { dir });
  expect(
    out,
  ).toBe(`14:13:20.118  shop          update    public.products  id=9007199254740993  stock 3→0  position 0/1A2B3C  transaction 9912
14:13:20.131  log           shop.public.products[0] offset 88121
              search        ✓ acknowledged
              step 2 filter: dropped: stock > 0 is not true
              → delete    public.products  id=9007199254740993
              cache         ! not yet
              → update    public.products  id=9007199254740993  stock 3→0
`);
  expect(code).toBe(0);
  expect(asked).toEqual([{ table: 'products', key: ['9007199254740993'], limit: 20 }]);
  const { out: json } = await cli(['trace', 'products', '1', '--json'], { dir });
  expect(JSON.parse(json)).toMatchObject({ command: 'trace', ok: true, summary: '1 change' });
  expect(json).toContain('"id":9007199254740993');
});

test('trace: a row that the log does not have is a failed check', async () => {
  const dir = await running({ trace: async () => [] });
  expect(await cli(['trace', 'products', '7'], { dir })).toMatchObject({ code: 4, out: 'the log has no such row\n' });
  expect((await cli(['trace', 'products'], { dir })).code).toBe(2);
});
