import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { fakeOperations, fakeSubjects } from '../../test/support/cli.ts';
import { ID_HEADER, readApiAddress } from '../config/api-address.ts';
import type { Control, InstanceStatus, TaskState } from '../contracts/control.ts';
import type { Operations } from '../contracts/operations.ts';
import { startApi } from './server.ts';

const problem = { code: 'source.gap', message: 'lost', remedy: 'resnapshot', since: 1 };

function statusWith(source: TaskState, sink: TaskState): InstanceStatus {
  const counts = { rows: 1, transactions: 1, position: { v: 1, lsn: '0/1' }, lastCommitMs: 5 };
  const sinkCounts = { records: 1, deadLetters: 0, lagRecords: 0, lagMs: 0 };
  return {
    instance: 'main',
    running: true,
    pid: process.pid,
    startedMs: 1,
    pipelines: [
      {
        name: 'shop',
        sources: [{ name: 'shop', type: 'a', state: source, problem: source === 'gap' ? problem : null, ...counts }],
        sinks: [{ name: 'out', type: 'b', state: sink, problem: null, ...sinkCounts }],
      },
    ],
  };
}

const topics = [
  {
    name: 'shop.public.t',
    cleanup: 'compact' as const,
    partitions: [{ partition: 0, startOffset: '0', endOffset: '9007199254740993', sizeBytes: 10 }],
  },
];

async function started(
  control: Partial<Control> = {},
  options: { host?: string; port?: number; operations?: Operations } = {},
) {
  const dataDir = mkdtempSync(join(tmpdir(), 'tailrace-api-'));
  const full: Control = { status: () => statusWith('streaming', 'running'), topics: () => topics, ...control };
  const lines: string[] = [];
  const log = (level: string, message: string) => void lines.push(`${level} ${message}`);
  const { operations = fakeOperations(), ...more } = options;
  const subjects = fakeSubjects({ control: full, operations });
  const api = await startApi(subjects, { host: '127.0.0.1', port: 0, dataDir, log, ...more });
  onTestFinished(async () => {
    await api.close();
    rmSync(dataDir, { recursive: true, force: true });
  });
  return { api, dataDir, lines };
}

/** `fetch` sets the Host header itself. */
function get(url: string, headers: Record<string, string>, method = 'GET'): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const call = request(url, { headers, method }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    call.on('error', reject).end();
  });
}

test('/status and /topics answer what the instance says', async () => {
  const { api } = await started();
  const status = await fetch(`${api.url}/status`);
  expect(status.status).toBe(200);
  expect(status.headers.get('content-type')).toBe('application/json; charset=utf-8');
  expect(status.headers.get('access-control-allow-origin')).toBeNull();
  expect(status.headers.get('cache-control')).toBe('no-store');
  expect(await status.json()).toEqual(statusWith('streaming', 'running'));
  expect(await (await fetch(`${api.url}/topics`)).json()).toEqual(topics);
});

test.each([
  ['streaming', 'running', 200],
  ['snapshot', 'retrying', 200],
  ['starting', 'paused', 200],
  ['gap', 'running', 503],
  ['streaming', 'failed', 503],
] as const)('/health with source %s and sink %s: %i', async (source, sink, expected) => {
  const { api } = await started({ status: () => statusWith(source, sink) });
  const response = await fetch(`${api.url}/health`);
  expect(response.status).toBe(expected);
  const broken =
    source === 'gap'
      ? [{ pipeline: 'shop', source: 'shop', state: 'gap', code: 'source.gap' }]
      : sink === 'failed'
        ? [{ pipeline: 'shop', sink: 'out', state: 'failed', code: null }]
        : [];
  expect(await response.json()).toEqual({ ok: expected === 200, instance: 'main', pid: process.pid, broken });
});

test.each([
  ['streaming', 'running', 200],
  ['snapshot', 'retrying', 200],
  ['starting', 'running', 503],
  ['gap', 'running', 503],
] as const)('/ready with source %s and sink %s: %i', async (source, sink, expected) => {
  const { api } = await started({ status: () => statusWith(source, sink) });
  const response = await fetch(`${api.url}/ready`);
  expect(response.status).toBe(expected);
  expect(await response.json()).toMatchObject({ ok: expected === 200 });
});

test('/metrics and /openapi.json are for everybody', async () => {
  const { api } = await started({}, { operations: fakeOperations({ groups: { list: () => [] } }) });
  const metrics = await fetch(`${api.url}/metrics`);
  expect([metrics.status, metrics.headers.get('content-type')]).toEqual([
    200,
    'text/plain; version=0.0.4; charset=utf-8',
  ]);
  expect(await metrics.text()).toContain('tailrace_source_connected{pipeline="shop",source="shop"} 1\n');
  const document = await (await fetch(`${api.url}/openapi.json`)).json();
  expect(document).toMatchObject({ openapi: '3.1.0', info: { version: '1.2.3' } });
});

test('pipelines, all and one', async () => {
  const { api } = await started();
  const { pipelines } = statusWith('streaming', 'running');
  expect(await (await fetch(`${api.url}/pipelines`)).json()).toEqual(pipelines);
  expect(await (await fetch(`${api.url}/pipelines/shop`)).json()).toEqual(pipelines[0]);
  const missing = await fetch(`${api.url}/pipelines/other`);
  expect([missing.status, await missing.json()]).toMatchObject([404, { error: { code: 'pipeline.not_found' } }]);
});

test('names of this machine are answered, others are not', async () => {
  const { api } = await started();
  for (const host of ['localhost', 'localhost:1', '127.0.0.1', 'LOCALHOST:7600', '[::1]:7600']) {
    expect((await get(`${api.url}/status`, { host })).status, host).toBe(200);
  }
  const foreign = [
    'evil.example',
    'evil.example:7600',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    'x@localhost',
  ];
  for (const host of [...foreign, '10.0.0.1', 'localhost.', '0.0.0.0']) {
    const { status, body } = await get(`${api.url}/status`, { host });
    expect(status, host).toBe(403);
    expect(JSON.parse(body).error.code).toBe('foreign_host');
  }
  expect((await get(`${api.url}/status`, { origin: 'http://localhost:3000' })).status).toBe(200);
  for (const origin of ['https://evil.example', 'null']) {
    expect((await get(`${api.url}/status`, { origin })).status, origin).toBe(403);
  }
});

test('other methods and paths are refused', async () => {
  const { api } = await started();
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
    const response = await fetch(`${api.url}/status`, { method });
    expect(response.status, method).toBe(405);
    expect(response.headers.get('allow')).toBe('GET');
    expect(await response.json()).toMatchObject({ error: { code: 'method_not_allowed' } });
  }
  for (const path of ['/', '/statu', '/status/', '//status', '/__proto__']) {
    const response = await fetch(`${api.url}${path}`);
    expect(response.status, path).toBe(404);
    expect(await response.text()).toContain('/health, /ready, /metrics');
  }
});

test('what breaks inside is an error without its text', async () => {
  const { api, lines } = await started({
    status: () => {
      throw new Error('row value');
    },
  });
  const response = await fetch(`${api.url}/status`);
  expect(response.status).toBe(500);
  expect(await response.text()).not.toContain('row value');
  expect(lines).toEqual(['error the HTTP API could not answer']);
});

test('too large and broken requests are refused by their size', async () => {
  const { api } = await started();
  expect((await get(`${api.url}/status`, { 'x-large': 'x'.repeat(9_000) })).status).toBe(431);
  const { port } = new URL(api.url);
  const answer = await new Promise<string>((resolve) => {
    const socket = connect(Number(port), '127.0.0.1', () => socket.write('NONSENSE\r\n\r\n'));
    let text = '';
    socket.on('data', (chunk) => (text += chunk)).on('close', () => resolve(text));
  });
  expect(answer).toContain('400 Bad Request');
});

test('the address is in the data directory for its owner, and goes when the API closes', async () => {
  const { api, dataDir } = await started();
  const address = readApiAddress(dataDir);
  expect(address).toMatchObject({ url: api.url, pid: process.pid });
  expect((await fetch(`${api.url}/health`)).headers.get(ID_HEADER)).toBe(address?.id);
  expect(statSync(join(dataDir, 'api.json')).mode & 0o777).toBe(0o600);
  expect(readdirSync(dataDir)).toEqual(['api.json']);
  await api.close();
  await api.close();
  expect(readdirSync(dataDir)).toEqual([]);
});

test("another process's address is left alone; addresses elsewhere are not used", async () => {
  const { api, dataDir } = await started();
  const other = '{"url":"http://127.0.0.1:1","pid":1,"id":"a","token":"t"}';
  writeFileSync(join(dataDir, 'api.json'), other);
  await api.close();
  expect(readFileSync(join(dataDir, 'api.json'), 'utf8')).toBe(other);
  for (const text of [
    '{}',
    'null',
    '{"url":"http://evil.example:1","pid":1,"id":"a","token":"t"}',
    '{"url":"http://127.0.0.1:1","pid":"1","id":"a","token":"t"}',
    '{"url":"http://127.0.0.1:1","pid":1,"id":"a"}',
  ]) {
    writeFileSync(join(dataDir, 'api.json'), text);
    expect(readApiAddress(dataDir), text).toBeNull();
  }
});

test('a connection that stays open does not hold up the end', async () => {
  const { api } = await started();
  const { port } = new URL(api.url);
  const socket = connect(Number(port), '127.0.0.1');
  socket.on('error', () => {});
  await new Promise((resolve) => socket.once('connect', resolve));
  const closed = new Promise((resolve) => socket.once('close', resolve));
  await api.close();
  await closed;
});

test('a taken port is an error that names it', async () => {
  const { api } = await started();
  const port = Number(new URL(api.url).port);
  await expect(started({}, { port })).rejects.toMatchObject({
    code: 'api.port_in_use',
    message: expect.stringContaining(String(port)),
    remedy: expect.stringContaining('http.port'),
  });
});
