/** The example plugin `examples/tailrace-plugin-etcd` does what every built-in sink of its kind must do, against a real etcd. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { startEtcd } from '../demo/servers/etcd.ts';
import etcd from '../examples/tailrace-plugin-etcd/src/index.ts';
import { NOT_SENT } from '../src/contracts/row.ts';
import { pluginSuites } from '../src/testkit/index.ts';
import { change, column, openOptions, table } from '../src/testkit/made-changes.ts';
import { RecordingOutput } from '../src/testkit/recording-output.ts';
import { lastValueSuite } from './support/last-value-suite.ts';
import {
  apply,
  insert,
  type LastValueTarget,
  remove,
  rows,
  run,
  SHOP,
  session,
  update,
} from './support/last-value-target.ts';
import { needServer } from './support/need-server.ts';
import { byJson } from './support/table-model.ts';

const server = await needServer('etcd', () => startEtcd());
afterAll(() => server?.stop());
// The driver of the plugin reads it.
process.env.ETCD_URL = server?.url;

const sink = etcd.sink!;
const base64 = (text: string) => Buffer.from(text).toString('base64');
const text = (encoded = '') => Buffer.from(encoded, 'base64').toString();

async function call(path: string, body: unknown): Promise<Record<string, unknown>> {
  const response = await fetch(server!.url + path, { method: 'POST', body: JSON.stringify(body) });
  return (await response.json()) as Record<string, unknown>;
}

/** All keys that begin with the prefix, as text. */
async function held(prefix: string): Promise<ReadonlyMap<string, string>> {
  const answer = await call('/v3/kv/range', { key: base64(prefix), range_end: base64(`${prefix.slice(0, -1)}0`) });
  const kvs = (answer.kvs ?? []) as { key: string; value?: string; lease?: string }[];
  return new Map(kvs.map(({ key, value }) => [text(key), text(value)]));
}

let targets = 0;

function target(): LastValueTarget & { readonly prefix: string } {
  const prefix = `t${++targets}/`;
  return {
    prefix,
    open: (options) => {
      const config = sink.config.parse({ url: server!.url, prefix: `${prefix}{table}/` });
      return sink.open({ ...options, id: `p.${targets}`, config });
    },
    async rows(name, columns) {
      const found = [...(await held(`${prefix}${name}/`)).values()].map((json) => JSON.parse(json));
      return found.map((row) => columns.map((column) => row[column] ?? null)).sort(byJson);
    },
  };
}

describe.skipIf(server === null)('the etcd plugin', () => {
  lastValueSuite(async () => target(), { transactional: false, runs: 4 });

  test('a row is a JSON object under the columns of its key, which keep different rows apart', async () => {
    const key = (name: string, place: number) => column(name, 'text', 'text', { key: place });
    const pairs = table('pa/irs', [key('x', 1), key('y', 2), column('n', 'int64', 'bigint')]);
    const made = target();
    const rows = [['a/b', 'c', 9007199254740993n] as const, ['a', 'b/c', 2n] as const, ['a%2Fb', 'c', null] as const];
    await run(
      made,
      rows.map((after, i) => change(pairs, { op: 'insert', version: i + 1, after })),
    );
    expect([...(await held(`${made.prefix}pa%2Firs/`))]).toEqual([
      [`${made.prefix}pa%2Firs/a%252Fb/c`, '{"x":"a%2Fb","y":"c","n":null}'],
      [`${made.prefix}pa%2Firs/a%2Fb/c`, '{"x":"a/b","y":"c","n":9007199254740993}'],
      [`${made.prefix}pa%2Firs/a/b%2Fc`, '{"x":"a","y":"b/c","n":2}'],
    ]);
    const keyless = table('plain', [column('a', 'text', 'text')]);
    const opened = await session(made);
    const none = apply(opened, [change(keyless, { op: 'insert', version: 9, after: ['a'], key: '{}' })], 3, 2);
    await expect(none).rejects.toMatchObject({ code: 'sink.not_ready' });
  });

  test('invariant 2: a row that etcd does not take comes back as a value, the others are written', async () => {
    const made = target();
    const opened = await session(made);
    const large = 'x'.repeat(1_600_000);
    const changes = [insert(1, '1', 'a', 'b'), insert(2, '2', large, 'b'), insert(3, '3', 'a', 'b')];
    const rejected = [...changes, insert(4, '\ud800', 'a', 'b'), update(5, '2', NOT_SENT, 'held')];
    const refused = await apply(opened, rejected);
    expect(refused.map(({ error }) => error.code)).toEqual(Array(3).fill('sink.rejected'));
    expect(new Set(refused.map(({ record }) => record.offset))).toEqual(new Set([1n, 3n, 4n]));
    expect(await rows(made)).toEqual([
      ['1', 'a', 'b'],
      ['3', 'a', 'b'],
    ]);
  });

  test('a truncate removes what the plugin wrote, over many pages, and nothing else below the prefix', async () => {
    const made = target();
    const many = Array.from({ length: 1_201 }, (_, i) => insert(i + 1, String(i), 'a', 'b'));
    await call('/v3/kv/put', { key: base64(`${made.prefix}t/foreign`), value: base64('{}') });
    await run(made, many, [insert(5_000, 'new', 'a', 'b'), change(SHOP, { op: 'truncate', version: 4_000 })]);
    expect([...(await held(`${made.prefix}t/`)).keys()]).toEqual([`${made.prefix}t/foreign`, `${made.prefix}t/new`]);
    expect([...(await held(`_tailrace/version/${made.prefix}t/`)).keys()]).toHaveLength(1);
  });

  test('the version of a deleted row is kept under a lease of the hold time', async () => {
    const made = target();
    await run(made, [insert(1, '1', 'a', 'b'), remove(2, '1')]);
    const key = `_tailrace/version/${made.prefix}t/1`;
    const { kvs } = (await call('/v3/kv/range', { key: base64(key) })) as { kvs: { lease: string; value: string }[] };
    expect(text(kvs[0]!.value)).toBe('0000000000000000002');
    const { TTL: ttl } = await call('/v3/lease/timetolive', { ID: kvs[0]!.lease });
    expect(Number(ttl)).toBeGreaterThan(7 * 24 * 3_600);
    // A row that is there again is not forgotten.
    const later = await session(made);
    await apply(later, [insert(3, '1', 'again', 'b')], 2, 2);
    const again = (await call('/v3/kv/range', { key: base64(key) })) as { kvs: { lease?: string }[] };
    expect(again.kvs[0]!.lease).toBeUndefined();
  });

  test('a cluster with users: a session goes on when its token is gone; what is refused is told apart', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'tailrace-etcd-users-'));
    onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }));
    const own = await startEtcd({ dataDir });
    onTestFinished(() => own.stop());
    const ask = async (path: string, body: unknown) => {
      const answer = await fetch(`${own.url}/v3/auth/${path}`, { method: 'POST', body: JSON.stringify(body) });
      expect(await answer.json()).not.toHaveProperty('error');
    };
    for (const [user, role] of [
      ['root', 'root'],
      ['reader', 'reader'],
    ] as const) {
      await ask('user/add', { name: user, password: 'canary' });
      await ask('role/add', { name: role });
      await ask('user/grant', { user, role });
    }
    await ask('role/grant', { name: 'reader', perm: { permType: 'READ', key: base64('\0'), range_end: base64('\0') } });
    await ask('enable', {});
    const config = sink.config.parse({ url: own.url, user: 'root', password: 'canary', prefix: 'a/{table}/' });
    const opened = await sink.open(openOptions(config));
    await apply(opened, [insert(1, '1', 'a', 'b')]);
    // A server that was started again knows no token.
    await own.stop();
    const again = await startEtcd({ dataDir, port: Number(new URL(own.url).port) });
    onTestFinished(() => again.stop());
    await apply(opened, [insert(2, '2', 'a', 'b')], 1);
    await opened.sink.close();
    const codes = async (login: object) => {
      const found = await sink.check(openOptions(sink.config.parse({ url: own.url, ...login })));
      expect(JSON.stringify(found)).not.toContain('canary');
      return found.map(({ level, code }) => code ?? level);
    };
    expect(await codes({ user: 'root', password: 'canary' })).toEqual(['ok']);
    expect(await codes({ user: 'root', password: 'canary2' })).toEqual(['sink.auth']);
    expect(await codes({})).toEqual(['sink.auth']);
    expect(await codes({ user: 'reader', password: 'canary' })).toEqual(['sink.not_ready']);
  });

  test('invariant 11: a position of another cluster, or of a later state of this one, is a gap', async () => {
    const source = etcd.source!;
    const config = source.config.parse({ url: server!.url, prefix: 'p/', columns: ['id'] });
    const options = sourceOptions(config);
    const { header } = (await call('/v3/kv/range', { key: base64('p/') })) as { header: Record<string, string> };
    for (const [cluster, revision] of [
      ['1', header.revision!],
      [header.cluster_id!, '999999999'],
    ] as const) {
      const reader = await source.open(options);
      const reading = reader.run({ v: 1, cluster, revision }, new RecordingOutput(), new AbortController().signal);
      await expect(reading).rejects.toMatchObject({ code: 'source.gap' });
    }
  });

  test('invariant 5: a value that cannot be read stops the source and is not shown', async () => {
    const source = etcd.source!;
    const config = source.config.parse({ url: server!.url, prefix: 'wrong/', columns: ['id', 'a'] });
    const options = sourceOptions(config);
    await call('/v3/kv/put', { key: base64('wrong/1'), value: base64('canary') });
    const reader = await source.open(options);
    const error = await reader.run(null, new RecordingOutput(), new AbortController().signal).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'source.unsupported' });
    expect(error.message).not.toContain('canary');
  });

  test('lint: a prefix that is none is told at its place', () => {
    const wrong = (config: object) => sink.config.safeParse({ url: server!.url, ...config }).error?.issues[0]?.message;
    expect(wrong({})).toBeUndefined();
    expect(wrong({ prefix: 'a' })).toBe('must end with /');
    expect(wrong({ prefix: '_tailrace/{table}/' })).toMatch(/may not begin/);
    expect(wrong({ url: 'etcd:2379' })).toMatch(/must be an address/);
    expect(wrong({ url: 'http://u:canary@h:2379' })).toMatch(/may hold no user/);
  });
});

describe.skipIf(server === null)('the acceptance kit on the etcd plugin', async () => {
  const drivers = await import('../examples/tailrace-plugin-etcd/test/driver.ts');
  const module = fileURLToPath(new URL('../examples/tailrace-plugin-etcd/src/index.ts', import.meta.url));
  for (const suite of pluginSuites(etcd, drivers, module)) {
    beforeAll(() => suite.start());
    afterAll(() => suite.stop());
    for (const { id, title, skip, isLong, run: runCase } of suite.cases) {
      // Those that kill processes or move 40 MB run in full runs, and with `tailrace plugin test`.
      const isLarge = isLong || id === 'output/full';
      const isLeftOut = skip !== null || (isLarge && !process.env.TAILRACE_FULL);
      test.skipIf(isLeftOut)(`${id}: ${title}`, async ({ signal }) => void (await runCase(signal)));
    }
  }
});

function sourceOptions(config: unknown) {
  const { context } = openOptions(config);
  return { config, name: 's', instance: 'main', tables: ['public.t'], snapshot: 'initial', context } as const;
}
