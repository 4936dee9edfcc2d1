import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Change, NOT_SENT } from '../../src/contracts/row.ts';
import type { SinkOpenOptions } from '../../src/contracts/sink.ts';
import { batch, change, column, lineage, openOptions, table } from '../../test/support/changes.ts';
import { feedWithKills } from '../../test/support/killed-sink.ts';
import { asSinkError } from './errors.ts';
import { sink } from './index.ts';

let dir: string;
let path: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tailrace-file-'));
  path = join(dir, 'made', 'deep', 'out.jsonl');
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const signal = new AbortController().signal;
const T = table('t', [
  column('id', 'int64', 'bigint', { key: 1 }),
  column('v', 'text', 'text'),
  column('n', 'decimal', 'numeric'),
]);
const insert = (version: number, v: string, schema = T) =>
  change(schema, { op: 'insert', version, after: [BigInt(version), v, '1.10'] });

const open = (config: unknown = { path }, more: Partial<SinkOpenOptions<unknown>> = {}) =>
  sink.open(openOptions(sink.config.parse(config), more));

async function apply(opened: Awaited<ReturnType<typeof open>>, changes: readonly Change[], from = 0, epoch = 1) {
  expect(await opened.sink.write(batch(changes, { from, epoch }), signal)).toEqual([]);
  await opened.sink.flush(signal);
}

const text = (file = path) => readFile(file, 'utf8');
const ids = async (file = path) =>
  (await text(file)).split('\n').flatMap((line) => (line === '' ? [] : [Number(JSON.parse(line).version)]));

describe('file', () => {
  test('invariant 9: each change is one line, values as they stand in the record', async () => {
    const opened = await open();
    await apply(opened, [
      change(T, { op: 'snapshot', version: 1, after: [9223372036854775807n, 'a"\n', '1.10'] }),
      change(T, { op: 'update', version: 2, before: [1n], after: [1n, NOT_SENT, null] }),
      change(T, { op: 'delete', version: 3, before: [1n] }),
      change(T, { op: 'delete', version: 4, before: [2n], dropped: true }),
      change(T, { op: 'truncate', version: 5 }),
      change(T, { op: 'snapshot-begin', version: 6 }),
      change(T, { op: 'snapshot-end', version: 7, sweepBelow: 6 }),
    ]);
    await opened.sink.close();
    const tail = (version: number, offset: number) =>
      `"ts_us":${1_700_000_000_000_000 + version},"version":"${version}","lsn":"0/${version}","topic":"shop.public.t","offset":${offset}}`;
    const head = (op: string) => `{"op":"${op}","table":"public.t",`;
    expect((await text()).split('\n')).toEqual([
      `${head('r')}"key":{"id":9223372036854775807},"before":null,"after":{"id":9223372036854775807,"v":"a\\"\\n","n":"1.10"},${tail(1, 0)}`,
      `${head('u')}"key":{"id":1},"before":{"id":1},"after":{"id":1,"n":null},${tail(2, 1)}`,
      `${head('d')}"key":{"id":1},"before":{"id":1},"after":null,${tail(3, 2)}`,
      `${head('t')}${tail(5, 4)}`,
      `${head('snapshot-begin')}${tail(6, 5)}`,
      `${head('snapshot-end')}"sweep_below":"6",${tail(7, 6)}`,
      '',
    ]);
  });

  test('what was written and not flushed is cut off at the next open', async () => {
    const first = await open();
    await apply(first, [insert(1, 'a')]);
    await first.sink.write(batch([insert(2, 'not flushed')], { from: 1 }), signal);
    await first.sink.close();
    expect(await ids()).toEqual([1, 2]);
    const second = await open();
    expect(second.resume).toEqual([{ topic: 'shop.public.t', partition: 0, next: 1n }]);
    expect(await ids()).toEqual([1]);
    await apply(second, [insert(2, 'again'), insert(3, 'c')], 1, 2);
    await second.sink.close();
    expect(await ids()).toEqual([1, 2, 3]);
  });

  test('a process killed before and after flush loses nothing and repeats nothing', async () => {
    const job = { type: 'file', config: { path: join(dir, '{table}.jsonl') }, total: 100, size: 7 };
    await feedWithKills(job, [
      'sink.before-flush:1',
      'sink.before-flush:4',
      'sink.after-flush:2',
      'sink.before-flush:2',
    ]);
    expect(await ids(join(dir, 'items.jsonl'))).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
  });

  test('one file per table, names made safe; a table that first appears in an unflushed batch leaves nothing', async () => {
    const template = join(dir, 'x', '{schema}', '{table}.jsonl');
    const odd = table('../../e t', T.columns, { schema: '..' });
    const first = await open({ path: template });
    await apply(first, [insert(1, 'a'), insert(2, 'b', odd)]);
    const late = table('late', T.columns);
    await first.sink.write(batch([insert(3, 'c'), insert(4, 'd', late)], { from: 2 }), signal);
    const later = table('later', T.columns);
    await first.sink.write(batch([insert(5, 'e'), insert(6, 'f', later)], { from: 4 }), signal);
    await first.sink.close();
    const second = await open({ path: template });
    expect(await ids(join(dir, 'x', 'public', 't.jsonl'))).toEqual([1]);
    expect(await ids(join(dir, 'x', '_x2E.', '_x2E._x2F.._x2Fe_x20t.jsonl'))).toEqual([2]);
    expect(await ids(join(dir, 'x', 'public', 'late.jsonl'))).toEqual([]);
    expect(await ids(join(dir, 'x', 'public', 'later.jsonl'))).toEqual([]);
    await apply(second, [insert(3, 'c'), insert(4, 'd', late)], 2, 2);
    await second.sink.close();
    expect(await ids(join(dir, 'x', 'public', 't.jsonl'))).toEqual([1, 3]);
    expect(await ids(join(dir, 'x', 'public', 'late.jsonl'))).toEqual([4]);
    expect((await readdir(join(dir, 'x'))).sort()).toEqual(['_x2E.', 'public', '{schema}_{table}.jsonl.tailrace']);
  });

  test('lines that were in the file before are kept', async () => {
    path = join(dir, 'out.jsonl');
    await writeFile(path, '{"version":"0"}\n');
    const first = await open();
    await first.sink.write(batch([insert(1, 'a')]), signal);
    await first.sink.close();
    const second = await open();
    await apply(second, [insert(1, 'a')], 0, 2);
    await second.sink.close();
    expect(await ids()).toEqual([0, 1]);
  });

  test('more than a buffer of lines in one batch', async () => {
    const opened = await open();
    const changes = Array.from({ length: 3_000 }, (_, i) => insert(i + 1, `${i}`.repeat(300)));
    await apply(opened, changes);
    await opened.sink.close();
    expect(await ids()).toEqual(changes.map(({ version }) => Number(version)));
  });

  test('positions of another generation are not obeyed, of another log refused', async () => {
    const first = await open();
    await apply(first, [insert(1, 'a')]);
    await first.sink.close();
    await expect(open({ path }, { lineage: lineage('bbbbbbbbbbbbbbbb') })).rejects.toMatchObject({
      code: 'sink.other_log',
    });
    const replay = await open({ path }, { generation: 1 });
    expect(replay.resume).toBeNull();
    await apply(replay, [insert(1, 'a')], 0, 2);
    await replay.sink.close();
    expect(await ids()).toEqual([1, 1]);
    const again = await open({ path }, { generation: 1 });
    expect(again.resume).toHaveLength(1);
    await again.sink.close();
  });

  test('an older epoch is fenced and another sink refused', async () => {
    const old = await open();
    await apply(old, [insert(1, 'a')], 0, 1);
    const young = await open();
    await apply(young, [insert(2, 'b')], 1, 2);
    await expect(apply(old, [insert(2, 'old')], 1, 1)).rejects.toMatchObject({ code: 'sink.fenced' });
    await old.sink.close();
    await apply(young, [insert(3, 'c')], 2, 2);
    await young.sink.close();
    expect(await ids()).toEqual([1, 2, 3]);
    await expect(open({ path }, { id: 'p.other' })).rejects.toMatchObject({ code: 'sink.not_ready' });
  });

  test('a file from which lines were removed stops the sink, with the remedy', async () => {
    const first = await open();
    await apply(first, [insert(1, 'a')]);
    await first.sink.close();
    await truncate(path, 5);
    await expect(open()).rejects.toMatchObject({
      code: 'sink.not_ready',
      remedy: expect.stringContaining('.tailrace'),
    });
    await rm(path);
    await expect(open()).rejects.toMatchObject({ code: 'sink.not_ready' });
  });

  test('check and open name what is wrong with the path and how to mend it', async () => {
    const problems = async (config: unknown) =>
      (await sink.check(openOptions(sink.config.parse(config)))).filter((f) => f.level === 'problem');
    expect(await problems({ path })).toEqual([]);
    const file = join(dir, 'file');
    await writeFile(file, '');
    await writeFile(join(dir, 'other.tailrace'), 'x');
    for (const bad of [dir, join(file, 'x.jsonl'), join(dir, 'other')]) {
      expect(await problems({ path: bad })).toMatchObject([{ remedy: expect.any(String), path: ['path'] }]);
    }
    const opened = await open({ path: dir });
    await expect(apply(opened, [insert(1, 'a')])).rejects.toMatchObject({ code: 'sink.not_ready' });
    await opened.sink.close();
    for (const bad of [join(file, 'x.jsonl'), join(dir, 'other')]) {
      await expect(open({ path: bad })).rejects.toMatchObject({ code: 'sink.not_ready', remedy: expect.any(String) });
    }
  });

  test.each([
    ['ENOSPC', 'sink.unreachable'],
    ['EDQUOT', 'sink.unreachable'],
    ['EACCES', 'sink.not_ready'],
    ['EROFS', 'sink.not_ready'],
  ])('%s means %s', (code, expected) => {
    expect(asSinkError(Object.assign(new Error('x'), { code, path: '/p' }), path).code).toBe(expected);
  });

  test('configuration is strict', () => {
    for (const bad of [{ path, format: 'csv' }, { path, pth: 1 }, { path: '{table}' }, { path: 'x{tabel}' }, {}]) {
      expect(sink.config.safeParse(bad).success).toBe(false);
    }
  });
});
