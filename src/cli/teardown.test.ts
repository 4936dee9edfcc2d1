import { expect, test } from 'vitest';
import { cli, fakeApp, projectDir } from '../../test/support/cli.ts';
import type { TeardownResult } from '../contracts/app.ts';

const SHOP = `name: shop
source:
  type: postgres
  url: postgres://shop:hunter2hunter2@h/d
  tables: [public.products]
sink: { type: sqlite, path: out.db }
`;
const PART = { pipeline: 'shop', part: 'source shop (postgres)' };

async function teardown(words: readonly string[], results: readonly TeardownResult[] = []) {
  const dir = projectDir({ 'shop.yaml': SHOP });
  let asked = 0;
  const app = fakeApp({
    teardown: async () => {
      asked++;
      return results;
    },
  });
  return { ...(await cli(['teardown', ...words], { dir, app })), asked };
}

test('nothing is removed unasked, and a dry run only looks', async () => {
  const unasked = await teardown([]);
  expect(unasked).toMatchObject({ code: 2, asked: 0 });
  expect(unasked.err).toContain('add --yes to do it');
  expect(await teardown(['--dry-run'])).toMatchObject({
    code: 0,
    asked: 0,
    out: 'would remove what 1 source made\n',
  });
});

test('what was removed, and what was not with its remedy', async () => {
  const done = await teardown(['--yes'], [{ ...PART, error: null }]);
  expect(done).toMatchObject({ code: 0, asked: 1 });
  expect(done.out).toContain('1 source removed');
  const error = { code: 'source.unreachable', message: 'the slot is in use', remedy: 'stop the other reader' } as const;
  const failed = await teardown(['--yes'], [{ ...PART, error }]);
  expect(failed.code).toBe(3);
  expect(failed.out).toContain('the slot is in use');
  expect(failed.out).toContain('stop the other reader');
});
