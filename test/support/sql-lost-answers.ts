/** Answers of a SQL server that are lost, that of COMMIT too: the position beside the data says what was applied. */
import { expect, onTestFinished, test } from 'vitest';
import type { SinkManifest } from '../../src/contracts/plugin.ts';
import { LossyProxy } from './lossy-proxy.ts';
import { feedWithLostResponses } from './lost-responses.ts';
import { testSeed } from './seed.ts';
import type { SqlTarget } from './sql-sink-suite.ts';
import { seeded } from './verification-scene.ts';

const LOSSES = Number(process.env.TAILRACE_TEST_LOSSES ?? 25);
/** Each of them is a session that begins anew. */
const TEST_MS = Math.max(180_000, LOSSES * 500);

export function lostAnswersTest({ config, open }: SinkManifest, newTarget: () => Promise<SqlTarget>): void {
  test(
    'invariant 7: lost answers change nothing',
    async () => {
      console.log(`lost answers: seed ${testSeed}`);
      const target = await newTarget();
      const settings = target.job.config as { readonly url: string };
      const url = new URL(settings.url);
      const proxy = await LossyProxy.start(Number(url.port));
      onTestFinished(() => proxy.close());
      url.port = String(proxy.port);
      const through = config.parse({ ...settings, url: url.href });
      const expected = await feedWithLostResponses((options) => open({ ...options, config: through }), proxy, {
        losses: LOSSES,
        random: seeded(testSeed),
      });
      expect(proxy.lost).toBeGreaterThanOrEqual(LOSSES);
      expect(await target.rows('items', ['id', 'n', 'big'])).toEqual(expected);
    },
    TEST_MS,
  );
}
