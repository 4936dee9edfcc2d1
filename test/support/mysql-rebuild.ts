/** A MySQL target that is built anew beside itself: what takes whose place, for readers, late writes and a crash in the midst. */
import { expect, test } from 'vitest';
import type { SinkManifest } from '../../src/contracts/plugin.ts';
import { openOptions } from './changes.ts';
import { apply, insert, remove, rows, run, session, update } from './last-value-target.ts';
import type { WatchedTarget } from './transactional-suite.ts';

const TAG = 'trabc';
const SWAP = { tag: TAG, shadowId: 'p.copy.rebuild', generation: 1 };

export function mysqlRebuildTest(manifest: SinkManifest, newTarget: () => Promise<WatchedTarget>): void {
  test('invariant 7: a target built beside itself takes its place at once, with what it remembers, also after a crash', async () => {
    const target = await newTarget();
    await fillBoth(manifest, target);
    await swapUnderReaders(manifest, target);
    await expectTheNewOne(target);
  });

  test('a target beside a sink that is given up is gone', async () => {
    const target = await newTarget();
    const options = openOptions(manifest.config.parse(target.job.config));
    const { shadow, drop } = manifest.rebuild!;
    await drop(options, SWAP);
    const opened = await target.openAs(
      shadow(options.config, TAG) as object,
      openOptions(undefined, { id: SWAP.shadowId }),
    );
    await apply(opened, [insert(1, '1', 'new', 'b'), remove(2, '2')]);
    await opened.sink.close();
    for (let i = 0; i < 2; i++) await drop(options, SWAP);
    await expect(target.rows(`t__${TAG}`, ['id'])).rejects.toThrow();
    expect(await target.rows('_tr_deleted', ['table_name'])).toEqual([]);
    expect(await target.rows('_tr_offsets', ['sink'])).toEqual([]);
  });
}

/** The target with its old rows, an index and a view, and beside it the new one. */
async function fillBoth(manifest: SinkManifest, target: WatchedTarget): Promise<void> {
  const options = openOptions(manifest.config.parse(target.job.config));
  const { shadow } = manifest.rebuild!;
  const beside = {
    ...target,
    open: (more: object) =>
      target.openAs(shadow(options.config, TAG) as object, { ...openOptions(undefined), ...more }),
  };
  await run(target, [insert(1, '1', 'old', 'b'), insert(2, '2', 'old', 'b'), insert(3, '3', 'old', 'b')]);
  await target.exec(`CREATE INDEX by_a ON ${target.quoted('t')} (a(10))`);
  await target.exec(`CREATE VIEW ${target.quoted('v')} AS SELECT id FROM ${target.quoted('t')}`);
  const built = await session(beside, { id: SWAP.shadowId });
  await apply(built, [
    insert(1, '1', 'new', 'b'),
    insert(3, '3', 'new', 'b'),
    remove(9, '3'),
    insert(10, '4', 'new', 'b'),
  ]);
  await built.sink.close();
}

async function swapUnderReaders(manifest: SinkManifest, target: WatchedTarget): Promise<void> {
  const options = openOptions(manifest.config.parse(target.job.config));
  const { swap } = manifest.rebuild!;
  // Readers see three rows or two, all of the one kind.
  let isOver = false;
  const seen = new Set<string>();
  const reading = (async () => {
    while (!isOver) {
      const all = await target.numbers(`SELECT COUNT(*) * 10 + COUNT(DISTINCT a) AS n FROM ${target.quoted('t')}`);
      seen.add(String(all));
    }
  })();
  const crash = { ...options.context, failpoint: (name: string) => void crashAt(name) };
  await expect(swap({ ...options, context: crash }, SWAP)).rejects.toThrow();
  expect(await rows(target)).toHaveLength(3);
  // Nobody writes before the log has come to that generation.
  await expect(session(target)).rejects.toMatchObject({ code: 'sink.other_log' });
  expect(await swap(options, SWAP)).toEqual(['the old rows of t are kept in t__old']);
  expect(await swap(options, SWAP)).toEqual([]);
  isOver = true;
  await reading;
  expect([...seen].sort()).toEqual(['21', '31'].filter((one) => seen.has(one)));
}

async function expectTheNewOne(target: WatchedTarget): Promise<void> {
  const again = await session(target, { generation: 1 });
  expect(again.resume).toMatchObject([{ next: 4n }]);
  await apply(again, [update(8, '3', 'late', 'b')], 4);
  await again.sink.close();
  expect(await rows(target)).toEqual([
    ['1', 'new', 'b'],
    ['4', 'new', 'b'],
  ]);
  expect(await target.rows('t__old', ['id', 'a'])).toEqual([
    ['1', 'old'],
    ['2', 'old'],
    ['3', 'old'],
  ]);
  expect(await target.rows('v', ['id'])).toEqual([['1'], ['4']]);
  const indexes = `SELECT COUNT(*) AS n FROM information_schema.statistics WHERE index_name = 'by_a'
    AND CONCAT(table_schema, '.\`', table_name, '\`') = '${target.quoted('t')}'`;
  expect(await target.numbers(indexes)).toEqual([1]);
}

function crashAt(name: string): never | undefined {
  if (name === 'sink.rebuild-moved') throw new Error('crashed');
  return undefined;
}
