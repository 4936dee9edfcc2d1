import { mkdtempSync, rmSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { fakeOperations, fakeSubjects } from '../../test/support/cli.ts';
import { readApiAddress } from '../config/api-address.ts';
import { TailraceError } from '../contracts/errors.ts';
import type { ReadRequest, ShownRecord, WriteRequest } from '../contracts/operations.ts';
import { MAX_BODY_BYTES } from './request-body.ts';
import { needsToken, type Subjects } from './route.ts';
import { routes } from './routes.ts';
import { startApi } from './server.ts';

const RECORD: ShownRecord = { partition: 0, offset: '1', timestamp: 2, key: 'k', value: 'row value', headers: [] };

async function started(parts: Parameters<typeof fakeOperations>[0], others: Partial<Subjects> = {}) {
  const dataDir = mkdtempSync(join(tmpdir(), 'tailrace-api-'));
  const lines: string[] = [];
  const subjects = fakeSubjects({ operations: fakeOperations(parts), ...others });
  const log = (level: string, message: string, fields?: object) =>
    void lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
  const api = await startApi(subjects, { host: '127.0.0.1', port: 0, dataDir, log });
  onTestFinished(async () => {
    await api.close();
    rmSync(dataDir, { recursive: true, force: true });
  });
  const { token } = readApiAddress(dataDir)!;
  const authorization = `Bearer ${token}`;
  const ask = (path: string, options: RequestInit = {}) =>
    fetch(`${api.url}${path}`, { ...options, headers: { authorization, ...options.headers } });
  const post = (path: string, body: string, type = 'application/json') =>
    ask(path, { method: 'POST', body, headers: { 'content-type': type } });
  return { api, ask, post, authorization, lines };
}

const LISTS = 1_000;

/** More records than anybody should hold; says how many lists were taken and whether the reading was ended. */
function manyLists(list: readonly ShownRecord[]) {
  const seen = { lists: 0, isEnded: false };
  const ended = Promise.withResolvers<void>();
  async function* read(): AsyncGenerator<readonly ShownRecord[], void, undefined> {
    try {
      while (seen.lists < LISTS) {
        seen.lists++;
        yield list;
        await new Promise((resolve) => setImmediate(resolve));
      }
    } finally {
      seen.isEnded = true;
      ended.resolve();
    }
  }
  return { seen, ended: ended.promise, read };
}

const ROUTES = routes.filter(needsToken).map(({ method, path }) => [method, path.replaceAll(/:\w+/g, 'x')] as const);

/** Readable without the token: whoever adds a path here makes it known to every program of the machine. */
const FREE = [
  '/health',
  '/ready',
  '/metrics',
  '/openapi.json',
  '/status',
  '/pipelines',
  '/pipelines/:pipeline',
  '/topics',
  '/topics/:topic',
  '/groups',
  '/groups/:group',
  '/snapshots',
  '/jobs',
  '/dead-letters/:pipeline',
  '/verifications',
];

describe('invariant 12: what the API gives away', () => {
  test('invariant 12: without the token only states can be read', () => {
    const free = routes.filter((route) => !needsToken(route));
    expect(free.map(({ path }) => path)).toEqual(FREE);
    expect(free.filter(({ method }) => method !== 'GET')).toEqual([]);
  });

  test.each(ROUTES)('invariant 12: %s %s needs the token of the instance', async (method, path) => {
    // Nothing is expected of the operations: the request ends before them.
    const { api, lines } = await started({});
    for (const authorization of [undefined, 'Bearer ', 'Bearer x', 'Basic x']) {
      const headers = authorization === undefined ? {} : { authorization };
      const response = await fetch(`${api.url}${path}`, { method, headers });
      expect([authorization, response.status]).toEqual([authorization, 401]);
      expect(await response.json()).toMatchObject({ error: { code: 'api.unauthorized', remedy: expect.any(String) } });
    }
    expect(lines).toEqual([]);
  });

  test('invariant 12: errors are told by their code, without detail and without what is not known', async () => {
    const failures = [
      new TailraceError('log.no_such_topic', 'no such topic', { detail: 'row value', remedy: 'look' }),
      new Error('row value'),
    ];
    const { ask, lines } = await started({
      topicWriter: {
        delete: async () => {
          throw failures.shift();
        },
      },
    });
    const known = await ask('/topics/t', { method: 'DELETE' });
    expect([known.status, await known.json()]).toEqual([
      404,
      { error: { code: 'log.no_such_topic', message: 'no such topic', remedy: 'look' } },
    ]);
    const unknown = await ask('/topics/t', { method: 'DELETE' });
    expect(unknown.status).toBe(500);
    expect(`${await unknown.text()}${lines.join()}`).not.toContain('row value');
  });
});

describe('records', () => {
  test('are a line each; the last line says that it is the last, or why there are no more', async () => {
    const asked: ReadRequest[] = [];
    const { ask } = await started({
      topics: {
        async *read(wanted) {
          asked.push(wanted);
          yield [RECORD, RECORD];
          if (asked.length > 1) throw new TailraceError('log.damaged', 'damaged', { remedy: 'verify' });
        },
      },
    });
    const path = '/topics/a%2Fb/records?from=last:5&until=time:7&partition=0,2&key=%7Bk&limit=3';
    const text = await (await ask(path)).text();
    expect(text).toBe(`${JSON.stringify(RECORD)}\n${JSON.stringify(RECORD)}\n{"end":true}\n`);
    expect(asked[0]).toEqual({
      topic: 'a/b',
      partitions: [0, 2],
      from: { at: 'last', count: 5 },
      until: { at: 'time', ms: 7 },
      key: '{k',
      limit: 3,
      follow: false,
    });
    const broken = (await (await ask('/topics/t/records')).text()).trim().split('\n');
    expect(JSON.parse(broken.at(-1)!)).toEqual({
      error: { code: 'log.damaged', message: 'damaged', remedy: 'verify' },
    });
  });

  test('invariant 10: are read as they are taken, and no more when nobody takes them', async () => {
    const { seen, ended, read } = manyLists(
      Array.from({ length: 100 }, () => ({ ...RECORD, value: 'x'.repeat(1_000) })),
    );
    const { api, authorization } = await started({ topics: { read } });
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request(`${api.url}/topics/t/records`, { headers: { authorization } }, resolve).on('error', reject).end();
    });
    response.on('error', () => {});
    // Until nothing moves any more: what fits into the sockets' buffers, a few megabytes, was taken.
    for (let before = -1; before !== seen.lists; ) {
      before = seen.lists;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    expect(seen.lists).toBeLessThan(LISTS / 3);
    expect(seen.isEnded).toBe(false);
    response.destroy();
    await ended;
  });
});

describe('events', () => {
  test('are server-sent events; the last says that it is the last, or why there are no more', async () => {
    const asked: unknown[] = [];
    const change = { topic: 't', partition: 0, offset: '1', timestamp: 2, step: null, change: null, error: null };
    const { ask } = await started(
      {},
      {
        inspector: {
          async *tap(wanted) {
            asked.push(wanted);
            yield [{ ...change, results: null }];
            if (asked.length > 1) throw new TailraceError('log.damaged', 'damaged', { detail: 'row value' });
          },
          trace: () => Promise.reject(new Error('not expected')),
        },
      },
    );
    const response = await ask('/pipelines/shop/tap?sink=out&step=2&key=1,x&last=5');
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    const data = JSON.stringify({ ...change, results: null });
    expect(await response.text()).toBe(`data: ${data}\n\nevent: end\ndata: {}\n\n`);
    const wanted = { pipeline: 'shop', sink: 'out', step: 2, table: null, key: ['1', 'x'], last: 5 };
    expect(asked).toEqual([wanted]);
    const broken = await (await ask('/pipelines/shop/tap')).text();
    const error = { error: { code: 'log.damaged', message: 'damaged' } };
    expect(broken).toBe(`data: ${data}\n\nevent: error\ndata: ${JSON.stringify(error)}\n\n`);
  });
});

describe('bodies', () => {
  test('records as they come', async () => {
    const written: WriteRequest[] = [];
    const { post } = await started({
      topicWriter: {
        write: async (wanted) => {
          written.push(wanted);
          return [{ partition: 0, offset: '9', records: 1 }];
        },
      },
    });
    const records = [{ key: { $bytes: '/w==' }, headers: [{ key: 'h', value: null }], timestamp: 5 }];
    const response = await post('/topics/t/records', JSON.stringify({ records, partition: 1 }));
    expect([response.status, await response.json()]).toEqual([200, [{ partition: 0, offset: '9', records: 1 }]]);
    expect(written).toEqual([{ topic: 't', partition: 1, records: [{ ...records[0], value: null }] }]);
  });

  test.each([
    ['/topics/t/records', '{', 'not JSON'],
    ['/topics/t/records', '[]', 'must be an object'],
    ['/topics/t/records', '{"records":[1]}', '"records[0]" must be an object'],
    ['/topics/t/records', '{"records":[{"kye":"a"}]}', '"records[0].kye" is not a field'],
    ['/topics/t/records', '{"records":[{"key":{"$bytes":"?"}}]}', 'base64'],
    ['/topics/t/records', '{"records":[],"partition":-1}', '"partition" must be a whole number'],
    ['/topics', '{"topic":5}', '"topic" must be a text'],
    ['/topics', '{"topic":"t","settings":{"a":5}}', '"settings.a" must be a text'],
    ['/groups/g/plan', '{"seek":{"to":"noon"}}', '"seek.to"'],
    ['/groups/g/plan', '{"seek":{"to":"offset","offset":"-1"}}', '"seek.offset" must be an offset'],
    ['/groups/g/seek', '{"moves":[{"topic":"t","partition":0,"from":5,"to":"1"}]}', '"moves[0].from" must be a text'],
    ['/topics/t/compact', '{"__proto__":{"a":1}}', '"__proto__" is not a field'],
  ])('%s %s is refused', async (path, body, message) => {
    const { post } = await started({});
    const response = await post(path, body);
    expect([response.status, await response.text()]).toEqual([
      400,
      expect.stringContaining(message.replaceAll('"', '\\"')),
    ]);
  });

  test('of another type, or too large, are not read', async () => {
    const { post } = await started({});
    expect((await post('/topics', '{}', 'text/plain')).status).toBe(400);
    const response = await post('/topics', JSON.stringify({ topic: 'x'.repeat(MAX_BODY_BYTES) })).catch(() => null);
    expect(response?.status ?? 400).toBe(400);
  });
});
