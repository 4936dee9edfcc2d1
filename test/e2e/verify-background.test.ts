/** Comparison in the background: slow, again and again, through pauses and restarts. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import { source as postgres } from '../../connectors/postgres/index.ts';
import { sink as sqlite } from '../../connectors/sqlite/index.ts';
import type { SourceManifest } from '../../src/contracts/plugin.ts';
import type { SourceInspector } from '../../src/contracts/verification.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { postgresScenes } from '../support/postgres-source.ts';
import { until } from '../support/project.ts';
import { verificationScene } from '../support/verification-scene.ts';

const scenes = postgresScenes();
const ROWS = 200;
/** Rows a second. */
const RATE = 400;

interface Reading {
  readonly after: string | null;
  readonly at: number;
}

/** The source, and what of its rows was asked for; each reading of pages has a list of its own. */
function watched(): { readonly manifest: SourceManifest; readonly readings: Reading[][]; open: number } {
  const seen = { readings: [] as Reading[][], open: 0, manifest: postgres as unknown as SourceManifest };
  const inspect: SourceManifest['inspect'] = async (options) => {
    const inspector = await (postgres as unknown as SourceManifest).inspect!(options);
    const pages: Reading[] = [];
    seen.readings.push(pages);
    seen.open++;
    const page: SourceInspector['page'] = (request, output) => {
      pages.push({ after: request.after, at: systemClock.monotonic() });
      return inspector.page(request, output);
    };
    return {
      settle: (signal) => inspector.settle(signal),
      estimate: (table) => inspector.estimate(table),
      rows: (...call) => inspector.rows(...call),
      page,
      async close() {
        seen.open--;
        await inspector.close();
      },
    };
  };
  seen.manifest = { ...seen.manifest, inspect };
  return seen;
}

test('a sink is compared in the background, no faster than its rate, through pauses and restarts', async () => {
  const { url } = await scenes(
    ['public.items'],
    `create table items (id int primary key, name text); insert into items select i, 'x' from generate_series(1, ${ROWS}) i`,
  );
  const dir = await mkdtemp(join(tmpdir(), 'tailrace-background-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const path = join(dir, 'copy.db');
  const seen = watched();
  const target = { name: 'copy', manifest: sqlite, config: { path }, verify: { everyMs: 1, rate: RATE } };
  const scene = await verificationScene(url, ['public.items'], [target], { manifest: seen.manifest });
  await scene.caughtUp();
  const verified = () => scene.instance.status().pipelines[0]!.sinks[0]!.verified!;
  expect(verified()).toMatchObject({ percent: null, sinceMs: null, roundMs: null });

  const first = scene.background();
  first.begin();
  await until('a page was read', async () => (seen.readings[0]?.length ?? 0) > 1);
  const { roundMs } = verified();
  expect(roundMs).not.toBeNull();

  await scene.commands.pause('p', null);
  await until('it rests while the sink is paused', async () => seen.open === 0);
  expect(verified()).toMatchObject({ percent: null, roundMs, problem: null });
  await scene.commands.resume('p', null);
  await until('it goes on', async () => (seen.readings[1]?.length ?? 0) > 0);
  expect(seen.readings[1]![0]!.after).not.toBeNull();

  await first.stop();
  expect(verified().roundMs).toBe(roundMs);
  scene.background().begin();
  await until('the round is complete', async () => verified().percent !== null);
  expect(seen.readings[2]![0]!.after).not.toBeNull();
  expect(verified()).toMatchObject({ percent: 100, sinceMs: roundMs, differing: 0, unsettled: 0, problem: null });
  for (const pages of seen.readings.slice(0, 3)) {
    const ms = pages.at(-1)!.at - pages[0]!.at;
    // A page is at most a quarter of a second's rows, and the first may come at once.
    expect(ms).toBeGreaterThanOrEqual((pages.length - 3) * 250);
  }

  const database = new DatabaseSync(path, { timeout: 5_000 });
  database.exec('delete from items where id = 7');
  database.close();
  await until('a later round finds what was taken away', async () => verified().percent !== 100);
  expect(verified()).toMatchObject({ percent: 99.5, differing: 1, unsettled: 0 });
}, 60_000);

test('one that was cancelled goes on where it was, with another rate', async () => {
  const { url } = await scenes(
    ['public.items'],
    `create table items (id int primary key, name text); insert into items select i, 'x' from generate_series(1, ${ROWS}) i`,
  );
  const dir = await mkdtemp(join(tmpdir(), 'tailrace-resumed-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const seen = watched();
  const target = { name: 'copy', manifest: sqlite, config: { path: join(dir, 'copy.db') } };
  const scene = await verificationScene(url, ['public.items'], [target], { manifest: seen.manifest });
  await scene.caughtUp();
  expect(scene.cancel()).toBe(false);
  const first = scene.verify({ rate: 80 });
  await until('some pages were read', async () => (seen.readings[0]?.length ?? 0) > 2);
  expect(scene.cancel()).toBe(true);
  expect(await first).toMatchObject([{ state: 'cancelled', problem: null }]);
  const [second] = await scene.verify({ resume: true });
  expect(second).toMatchObject({ state: 'done', counts: { missing: 0, different: 0, extra: 0 }, problem: null });
  const [{ after }] = seen.readings[1] as [Reading];
  expect(after).not.toBeNull();
  // Without that it begins at the beginning.
  await scene.verify();
  expect(seen.readings[2]![0]!.after).toBeNull();
}, 60_000);
