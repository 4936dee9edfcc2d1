import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { needServer } from '../../test/support/need-server.ts';
import { startElasticsearch } from './elasticsearch.ts';

const dataDir = await mkdtemp(join(tmpdir(), 'tailrace-es-test-'));
const first = await needServer('elasticsearch', () => startElasticsearch({ own: true, dataDir }));

describe.skipIf(first === null)('an Elasticsearch server', () => {
  test('with a kept directory holds what it answered, also after SIGKILL, under the same port', async () => {
    onTestFinished(() => rm(dataDir, { recursive: true, force: true }));
    expect(first!.name).toMatch(/^Elasticsearch \d/);
    const put = await fetch(`${first!.url}/kept/_doc/1`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: '{"n":7}',
    });
    expect(put.status).toBe(201);
    await first!.kill();
    await expect(fetch(first!.url)).rejects.toThrow();
    const again = await startElasticsearch({ own: true, dataDir, port: first!.port });
    onTestFinished(() => again.stop());
    expect(again.port).toBe(first!.port);
    const found = await vi.waitUntil(async () => {
      const response = await fetch(`${again.url}/kept/_doc/1`);
      return response.ok ? response.json() : null;
    });
    expect(found).toMatchObject({ _source: { n: 7 } });
  });
});

test('one that the environment names and that does not answer is said to be missing', async () => {
  vi.stubEnv('TAILRACE_TEST_ES_URL', 'http://127.0.0.1:1');
  onTestFinished(() => void vi.unstubAllEnvs());
  await expect(startElasticsearch()).rejects.toMatchObject({ code: 'demo.missing', remedy: expect.any(String) });
});
