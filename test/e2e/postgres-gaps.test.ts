/**
 * Every fault by which history is lost, on a real server: within ten seconds the source is in `gap`, says from where on
 * changes are not captured and what to do; a restart says the same; what it says to do works, and the target equals the source.
 */
import { expect, test } from 'vitest';
import { GapScene } from '../support/gap-scene.ts';
import { postgresScenes } from '../support/postgres-source.ts';
import { testSeed } from '../support/seed.ts';
import { type Fault, GAP_DDL, RESNAPSHOT, STOPPED_FAULTS, UNDER_WAY_FAULTS } from './postgres-gap-faults.ts';
import { OTHER_SERVERS } from './postgres-other-servers.ts';

const isFull = process.env.TAILRACE_FULL !== undefined;
const LIMIT_MS = 10_000;
const SAMPLE = 1;

const scenes = postgresScenes({ max_replication_slots: '60' });

/** A seeded part of them; all of them in full. */
function sampled(faults: readonly Fault[]): readonly Fault[] {
  const from = testSeed % faults.length;
  return isFull ? faults : [...faults.slice(from), ...faults].slice(0, SAMPLE);
}

/** It streams, and its target equals the source. */
async function streaming(fault: Fault): Promise<GapScene> {
  const made = await scenes(['public.t'], `${GAP_DDL}; ${fault.before ?? ''}`);
  const scene = await GapScene.make(made, ['public.t'], fault.config ?? {});
  await scene.start();
  await scene.caughtUp();
  await made.client.query(`update t set v = 'streamed' where id = 1`);
  await scene.caughtUp();
  return scene;
}

/** What it says, at once and after a restart, then what it says to do. */
async function expectGap(scene: GapScene, fault: Fault): Promise<void> {
  const { code, message, remedy } = scene.status().problem!;
  expect({ code, message, remedy }).toMatchObject({
    code: fault.code ?? 'source.gap',
    message: expect.stringMatching(fault.message),
    remedy: expect.stringMatching(fault.remedy ?? RESNAPSHOT),
  });
  expect(message).toMatch(/ after [0-9A-F]+\/[0-9A-F]+/);
  await scene.stop();
  await scene.start();
  await scene.untilState('gap', LIMIT_MS);
  const again = scene.status().problem!;
  expect(again).toMatchObject({ code, message: expect.stringMatching(fault.message) });
  await scene.stop();
  const changes = await (fault.mend ?? (async () => ({ onGap: 'resnapshot' as const })))(scene, again.remedy!);
  await scene.start(changes);
  await scene.untilState('streaming', 30_000);
  await scene.client.query(`update t set v = 'after' where id = 2; insert into t (id, v) values (1000, 'after')`);
  if (fault.mend === undefined) expect(await scene.differences()).toMatchObject({ missing: 0, different: 0, extra: 0 });
  else await fault.mended!(scene);
  await scene.stop();
}

test.each(sampled(UNDER_WAY_FAULTS))('invariant 5: under way, $what', { timeout: 120_000 }, async (fault) => {
  const scene = await streaming(fault);
  if (scene.made.server.major < (fault.since ?? 0)) return;
  const began = performance.now();
  await fault.inject(scene);
  const injectMs = performance.now() - began;
  expect(injectMs + (await scene.untilState('gap', LIMIT_MS))).toBeLessThan(LIMIT_MS);
  await expectGap(scene, fault);
});

test.each([...sampled(STOPPED_FAULTS), ...(isFull ? OTHER_SERVERS : [])])(
  'invariant 5: while it was stopped, $what',
  { timeout: 120_000 },
  async (fault) => {
    const scene = await streaming(fault);
    if (scene.made.server.major < (fault.since ?? 0)) return;
    await scene.stop();
    await fault.inject(scene);
    await scene.start();
    await scene.untilState('gap', LIMIT_MS);
    await expectGap(scene, fault);
  },
);
