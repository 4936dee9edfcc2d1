import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Value } from '../../src/contracts/row.ts';
import type { Kind } from '../../src/contracts/schema.ts';
import { batch, change, column, openOptions, table } from '../../test/support/changes.ts';
import { feedWithKills } from '../../test/support/killed-sink.ts';
import { sink } from './index.ts';

let dir: string;
let path: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tailrace-sqlite-'));
  path = join(dir, 'made', 'out.db');
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const signal = new AbortController().signal;
const ITEMS = table('items', [column('id', 'int64', 'bigint', { key: 1 }), column('v', 'text', 'text')]);
const item = (id: bigint, v: string) => change(ITEMS, { op: 'insert', version: id, after: [id, v] });

/** Kind, native type, value, and what is stored with its storage class. */
const VALUES: readonly (readonly [Kind, string, Value, unknown, string])[] = [
  ['bool', 'boolean', true, 1n, 'integer'],
  ['int16', 'smallint', -32768, -32768n, 'integer'],
  ['int64', 'bigint', 9223372036854775807n, 9223372036854775807n, 'integer'],
  ['uint64', 'bigint unsigned', 18446744073709551615n, '18446744073709551615', 'text'],
  ['float32', 'real', 0.1, 0.1, 'real'],
  ['float64', 'double precision', 1, 1, 'real'],
  ['float64', 'double precision', -0, -0, 'real'],
  ['float64', 'double precision', 5e-324, 5e-324, 'real'],
  ['float64', 'double precision', Number.NaN, 'NaN', 'text'],
  ['float64', 'double precision', Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY, 'real'],
  [
    'decimal',
    'numeric(40,10)',
    '123456789012345678901234567890.0123456780',
    '123456789012345678901234567890.0123456780',
    'text',
  ],
  ['decimal', 'numeric', '1.10', '1.10', 'text'],
  ['decimal', 'numeric', 'NaN', 'NaN', 'text'],
  ['text', 'text', 'nul \0 in it, ü, 𝄞', 'nul \0 in it, ü, 𝄞', 'text'],
  ['text', 'text', '007', '007', 'text'],
  ['text', 'text', new Uint8Array([0x61, 0xff]), new Uint8Array([0x61, 0xff]), 'blob'],
  ['bytes', 'bytea', new Uint8Array([0, 255, 10]), new Uint8Array([0, 255, 10]), 'blob'],
  ['bytes', 'bytea', new Uint8Array(0), new Uint8Array(0), 'blob'],
  ['date', 'date', '0044-03-15 BC', '0044-03-15 BC', 'text'],
  ['timestamptz', 'timestamp with time zone', '2024-02-29T12:00:00.123456Z', '2024-02-29T12:00:00.123456Z', 'text'],
  ['json', 'json', '{"b":1, "a":[1e400]}', '{"b":1, "a":[1e400]}', 'text'],
  ['array', 'bigint[]', [1n, null, 9223372036854775807n], '[1,null,9223372036854775807]', 'text'],
  ['array', 'text[]', ['a"', null, '\\'], '["a\\"",null,"\\\\"]', 'text'],
  ['enum', 'mood', 'happy', 'happy', 'text'],
  ['bits', 'bit(3)', '010', '010', 'text'],
  ['text', 'text', null, null, 'null'],
];

describe('sqlite', () => {
  test('invariant 9: every kind of value is stored exactly', async () => {
    const columns = VALUES.map(([kind, native, value], i) =>
      column(
        `c${i}`,
        kind,
        native,
        Array.isArray(value) ? { element: native.startsWith('text') ? 'text' : 'int64' } : {},
      ),
    );
    const types = table('types', [column('id', 'int32', 'integer', { key: 1 }), ...columns]);
    const opened = await sink.open(openOptions({ path, table: '{table}' }));
    const after = [1, ...VALUES.map(([, , value]) => value)];
    expect(await opened.sink.write(batch([change(types, { op: 'insert', version: 1, after })]), signal)).toEqual([]);
    await opened.sink.flush(signal);
    await opened.sink.close();
    using database = new DatabaseSync(path);
    const select = database.prepare(
      `SELECT ${VALUES.map((_, i) => `c${i}, typeof(c${i}) AS t${i}`).join(', ')} FROM types`,
    );
    select.setReadBigInts(true);
    const found = select.get()!;
    for (const [i, [kind, , , stored, storage]] of VALUES.entries()) {
      expect([kind, found[`c${i}`], found[`t${i}`]]).toEqual([kind, stored, storage]);
      if (Object.is(stored, -0)) expect(Object.is(found[`c${i}`], -0)).toBe(true);
    }
  });

  test('a process killed before and after flush loses nothing and repeats nothing', async () => {
    const job = { type: 'sqlite', config: { path, table: '{table}' }, total: 100, size: 7 };
    await feedWithKills(job, [
      'sink.before-flush:1',
      'sink.before-flush:4',
      'sink.after-flush:2',
      'sink.before-flush:2',
    ]);
    using database = new DatabaseSync(path);
    const rows = database.prepare('SELECT id, n, _tr_version AS v FROM items ORDER BY id').all();
    expect(rows.map(({ id, n, v }) => [id, n, v])).toEqual(Array.from({ length: 10 }, (_, i) => [i, 90 + i, 91 + i]));
  });

  test('another writer is waited for, then reported as passing trouble', async () => {
    const { context } = openOptions({});
    let waits = 0;
    let now = 0;
    const sleep = async (): Promise<void> => {
      waits++;
      now += 1_000;
    };
    const clock = { ...context.clock, monotonic: () => now, sleep };
    const opened = await sink.open(openOptions({ path, table: '{table}' }, { context: { ...context, clock } }));
    using other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    const write = opened.sink.write(batch([item(1n, 'x')]), signal);
    await expect(write).rejects.toMatchObject({ code: 'sink.unreachable' });
    expect(waits).toBeGreaterThan(1);
    await opened.sink.close();
    const again = await sink.open(openOptions({ path, table: '{table}' }, { context: { ...context, clock } }));
    clock.sleep = async () => other.exec('ROLLBACK');
    expect(await again.sink.write(batch([item(1n, 'x')]), signal)).toEqual([]);
    await again.sink.flush(signal);
    await again.sink.close();
  });

  test('names that differ in case only, which SQLite does not tell apart, are refused', async () => {
    const opened = await sink.open(openOptions({ path, table: '{table}' }));
    const upper = table('ITEMS', ITEMS.columns);
    const both = [item(1n, 'x'), change(upper, { op: 'insert', version: 2, after: [1n, 'y'] })];
    await expect(opened.sink.write(batch(both), signal)).rejects.toMatchObject({ code: 'sink.not_ready' });
    await opened.sink.close();
  });

  test('check and open name what is wrong with the path and how to mend it', async () => {
    const problems = async (config: unknown) =>
      (await sink.check(openOptions(config))).filter((f) => f.level === 'problem');
    expect(await problems({ path })).toEqual([]);
    const file = join(dir, 'file');
    await writeFile(file, 'not a database, and long enough to be read as one'.repeat(20));
    for (const bad of [dir, join(file, 'x.db'), file]) {
      expect(await problems({ path: bad })).toMatchObject([{ remedy: expect.any(String), path: ['path'] }]);
      await expect(sink.open(openOptions({ path: bad }))).rejects.toMatchObject({
        code: 'sink.not_ready',
        remedy: expect.any(String),
      });
    }
    expect(sink.config.safeParse({ path, pth: 1 }).success).toBe(false);
  });
});
