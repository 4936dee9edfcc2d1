/** `tailrace support` of a running and of a stopped instance. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { cli, fakeApp, fakeOperations, fakeSubjects, projectDir, STOPPED } from '../../test/support/cli.ts';
import { testRegistry } from '../../test/support/config-registry.ts';
import { startApi } from '../api/server.ts';
import { LogBuffer } from '../operations/log-buffer.ts';

const SHOP = `# the password was canary-comment
source:
  type: postgres
  url: postgres://u:canary-1@db/shop
  tables: [public.products] # ask canary-remark
transform:
  - filter: name != '\${WORD}'
sink: { type: redis, url: "redis://:\${REDIS_PASSWORD}@h:6379" }
`;
/** As JSON writes it, it is another text. */
const QUOTED = 'canary"2\\';
const env = { REDIS_PASSWORD: encodeURIComponent(QUOTED), WORD: 'canary-4', TAILRACE_X: 'canary-5', OTHER: 'canary-6' };
const app = fakeApp({ registry: testRegistry, offline: { status: async () => STOPPED, open: async () => reader() } });

function reader() {
  const deadLetters = { list: () => Promise.reject(), show: () => Promise.reject() };
  const operations = fakeOperations({ topics: { list: () => [] }, groups: { list: () => [] } });
  return { ...operations, deadLetters, close: async () => {} };
}

const read = (dir: string) => {
  const text = readFileSync(join(dir, 'tailrace-support.json'), 'utf8');
  return { text, bundle: JSON.parse(text) };
};

test('invariant 12: support of a running instance has all that explains it, and no secrets', async () => {
  const dir = projectDir({
    'pipelines/shop.yaml': SHOP,
    'tailrace.yaml': 'mask_key: canary-3-of-the-mask\n',
    'data/x': '',
  });
  const buffer = new LogBuffer(() => 5);
  const log = buffer.keeping(
    () => {},
    (text) => text,
  );
  log('warn', `refused canary-1 and ${QUOTED}`, { sink: 'shop/out', reason: 'canary-3-of-the-mask' });
  const operations = fakeOperations({ topics: { list: () => [] }, groups: { list: () => [] } });
  const subjects = fakeSubjects({
    operations,
    control: { status: () => ({ ...STOPPED, running: true }), topics: () => [] },
    logs: buffer,
  });
  const options = { host: '127.0.0.1', port: 0, dataDir: join(dir, 'data'), log: () => {} };
  const api = await startApi(subjects, options);
  onTestFinished(() => api.close());
  const { code, out, err } = await cli(['support'], { dir, env, app });
  expect([code, err]).toEqual([0, '']);
  expect(out).toMatch(/^wrote tailrace-support.json \([\d.]+ KB\): read it before you send it\n$/);
  const { text, bundle } = read(dir);
  expect(text).not.toMatch(/canary/);
  expect(statSync(join(dir, 'tailrace-support.json')).mode & 0o777).toBe(0o600);
  expect(bundle).toMatchObject({
    version: '1.2.3',
    node: process.version,
    machine: { platform: process.platform, disk: { dataDir: join(dir, 'data'), freeBytes: expect.any(Number) } },
    environment: expect.arrayContaining(['LANG', 'TAILRACE_X']),
    project: {
      files: [
        { name: 'tailrace.yaml', text: 'mask_key: ***\n' },
        { name: 'pipelines/shop.yaml', text: expect.stringContaining("  - filter: name != '${WORD}'\n") },
      ],
      variables: expect.arrayContaining([expect.objectContaining({ name: 'REDIS_PASSWORD', isMissing: false })]),
    },
    status: { running: true },
    topics: [],
    groups: [],
    metrics: expect.stringContaining('tailrace_info{instance="main",version="1.2.3"} 1\n'),
    log: [{ level: 'warn', message: 'refused *** and ***', fields: { sink: 'shop/out', reason: '***' } }],
  });
  expect(bundle.project.files[1].text).toContain('url: postgres://u:***@db/shop\n  tables: [public.products] #\n');
});

test('invariant 12: support of a stopped instance tells what cannot be had, and copies no file with errors', async () => {
  const dir = projectDir({ 'shop.yaml': SHOP.replace('url: p', 'urll: p'), 'tailrace.yaml': '', 'data/x': '' });
  expect((await cli(['support', '--json'], { dir, env, app })).code).toBe(0);
  const { text, bundle } = read(dir);
  expect(text).not.toMatch(/canary/);
  expect(bundle).toMatchObject({
    project: {
      files: [
        { name: 'tailrace.yaml', text: '' },
        { name: 'shop.yaml', text: null },
      ],
      problems: expect.arrayContaining([expect.objectContaining({ file: 'shop.yaml', code: 'unknown-key' })]),
    },
    status: STOPPED,
    metrics: { error: { code: 'instance.not_running' } },
    log: { error: { code: 'instance.not_running' } },
  });
  const empty = projectDir({});
  expect((await cli(['support'], { dir: empty, env, app })).code).toBe(0);
  expect(read(empty).bundle).toMatchObject({
    project: { error: { code: 'config.not_found' }, files: [] },
    status: { error: { code: 'config.not_found' } },
  });
});
