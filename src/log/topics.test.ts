import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { batchOf, valuesIn } from '../../test/support/log-batches.ts';
import { eagerClock } from '../../test/support/log-history.ts';
import { SimulatedDisk } from '../../test/support/simulated-disk.ts';
import { readBatchHeader } from '../wire/record-batch.ts';
import { type EmbeddedLog, type OpenLogOptions, openLog } from './embedded-log.ts';

function directory(): string {
  const dir = mkdtempSync(join(tmpdir(), 'tailrace-topics-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

async function open(dir: string, options: Partial<OpenLogOptions> = {}): Promise<EmbeddedLog> {
  const log = await openLog({
    dir,
    clock: eagerClock,
    random: Math.random,
    log: () => {},
    cleanEveryMs: null,
    ...options,
  });
  onTestFinished(() => log.close());
  return log;
}

/** The directory as a kill leaves it. */
function killed(dir: string): string {
  const copy = directory();
  cpSync(dir, copy, { recursive: true, filter: (path) => path !== join(dir, 'lock') });
  return copy;
}

async function put(log: EmbeddedLog, topic: string, value: string, partition = 0): Promise<void> {
  const transaction = log.begin('w', 0);
  await transaction.append(topic, partition, batchOf([value]));
  await transaction.commit();
}

const foldersOf = (dir: string, topic: string) =>
  readdirSync(join(dir, 'topics')).filter((name) => name.startsWith(`${topic}-`));
const admin = ({ admin: { topics } }: EmbeddedLog) => topics!;
const all = (log: EmbeddedLog, topic: string, partition = 0) => valuesIn(log, { topic, partition });
const NO_SUCH = { code: 'log.no_such_topic' };

test.each(['closed', 'killed'])('topics with ids and configuration are there when the log was %s', async (how) => {
  const dir = directory();
  const log = await open(dir);
  const made = await admin(log).create('t', { partitions: 2, config: { 'cleanup.policy': 'compact,delete' } });
  expect(made).toMatchObject({ name: 't', config: { 'cleanup.policy': 'compact,delete' } });
  expect(made.settings).toEqual({ partitions: 2, cleanup: 'compact' });
  expect(made.id).toMatch(/^[1-9a-f][0-9a-f]{31}$/);
  await admin(log).alter('t', { config: { 'retention.ms': '1000', 'segment.bytes': '1048576' } });
  await admin(log).alter('t', { config: { 'cleanup.policy': null, 'retention.ms': '2000' }, partitions: 4 });
  await put(log, 't', 'in the new one', 3);
  const config = { 'retention.ms': '2000', 'segment.bytes': '1048576' };
  expect(admin(log).describe('t')).toMatchObject({
    id: made.id,
    config,
    settings: { partitions: 4, cleanup: 'delete' },
  });
  await log.topics.ensure('own', { partitions: 1, cleanup: 'compact' });
  const before = [admin(log).describe('t'), admin(log).describe('own')];
  if (how === 'closed') await log.close();
  const again = await open(how === 'closed' ? dir : killed(dir));
  expect([admin(again).describe('t'), admin(again).describe('own')]).toEqual(before);
  expect(await all(again, 't', 3)).toEqual(['in the new one']);
  expect(admin(again).describe('other')).toBeUndefined();
});

test('what cannot be is refused, and changes nothing', async () => {
  const log = await open(directory());
  const { id } = await admin(log).create('t', { partitions: 2, config: {} });
  await expect(admin(log).create('t', { partitions: 1, config: {} })).rejects.toMatchObject({ code: 'topic.exists' });
  await expect(admin(log).alter('t', { partitions: 1 })).rejects.toMatchObject({ code: 'topic.invalid' });
  await expect(admin(log).alter('u', { partitions: 1 })).rejects.toMatchObject(NO_SUCH);
  await expect(admin(log).delete('u')).rejects.toMatchObject(NO_SUCH);
  for (const name of ['', '.', '..', 'a b', 'ä', 'x'.repeat(250)]) {
    await expect(admin(log).create(name, { partitions: 1, config: {} })).rejects.toMatchObject({
      code: 'internal.bug',
    });
  }
  expect(log.topics.list().map(({ name }) => name)).toEqual(['t']);
  expect(admin(log).describe('t')).toMatchObject({ id, settings: { partitions: 2 } });
});

test('of many who create, change and delete one topic at once, each finds a whole one', async () => {
  const log = await open(directory());
  const made = await Promise.allSettled(
    [1, 2, 3].map((partitions) => admin(log).create('t', { partitions, config: {} })),
  );
  expect(made.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
  const changes = await Promise.allSettled([
    admin(log).alter('t', { partitions: 5 }),
    admin(log).delete('t'),
    admin(log).alter('t', { partitions: 6 }),
    admin(log).create('t', { partitions: 2, config: {} }),
    log.topics.ensure('t', { partitions: 2, cleanup: 'delete' }),
  ]);
  expect(changes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
  expect(log.topics.get('t')!.partitions).toHaveLength(2);
});

test.each(['closed', 'killed'])('a deleted topic is gone with its files, and so when the log was %s', async (how) => {
  const dir = directory();
  const log = await open(dir, { flushBytes: 1 });
  for (const topic of ['t', 'u']) {
    await admin(log).create(topic, { partitions: 2, config: {} });
    for (const partition of [0, 1]) await put(log, topic, `${topic}${partition}`, partition);
  }
  await expect.poll(() => foldersOf(dir, 't')).toHaveLength(2);
  await admin(log).delete('t');
  const gone = async (it: EmbeddedLog) => {
    expect(it.topics.get('t')).toBeUndefined();
    expect(admin(it).describe('t')).toBeUndefined();
    await expect(it.read('t', 0, 0n, 1)).rejects.toMatchObject(NO_SUCH);
    await expect(put(it, 't', 'late')).rejects.toMatchObject(NO_SUCH);
    expect(await all(it, 'u', 1)).toEqual(['u1']);
  };
  await gone(log);
  if (how === 'closed') await log.close();
  const left = how === 'closed' ? dir : killed(dir);
  await gone(await open(left));
  expect(foldersOf(left, 't')).toEqual([]);
});

test('invariant 11: a topic that is made again is another one: id, files, records, positions', async () => {
  const dir = directory();
  let log = await open(dir, { flushBytes: 1 });
  const { id } = await admin(log).create('t', { partitions: 1, config: { 'retention.ms': '5' } });
  for (const value of ['a', 'b', 'c']) await put(log, 't', value);
  await put(await created(log, 'u'), 'u', 'first');
  const lineage = log.lineage.current;
  await expect.poll(() => foldersOf(dir, 't')).toHaveLength(1);
  const folders = foldersOf(dir, 't');
  await admin(log).delete('t');
  const again = await admin(log).create('t', { partitions: 1, config: {} });
  expect(again.id).not.toBe(id);
  expect(again.config).toEqual({});
  expect(again.partitions).toMatchObject([{ startOffset: 0n, endOffset: 0n, sizeBytes: 0 }]);
  for (const value of ['d', 'e', 'f', 'g']) await put(log, 't', value);
  await put(log, 'u', 'second');
  for (let opening = 0; opening < 3; opening++) {
    expect(await all(log, 't')).toEqual(['d', 'e', 'f', 'g']);
    expect(await all(log, 'u')).toEqual(['first', 'second']);
    // Invariant 11: a position in the old one, inside the new one by its number alone.
    expect(log.lineage.covers(lineage, 't', 0, 3n)).toBe(false);
    expect(log.lineage.covers(lineage, 'u', 0, 1n)).toBe(true);
    if (opening === 0) expect(log.lineage.covers(log.lineage.current, 't', 0, 4n)).toBe(true);
    await log.close();
    log = await open(dir);
  }
  expect(foldersOf(dir, 't')).toHaveLength(1);
  expect(foldersOf(dir, 't')).not.toEqual(folders);
});

async function created(log: EmbeddedLog, topic: string): Promise<EmbeddedLog> {
  await admin(log).create(topic, { partitions: 1, config: {} });
  return log;
}

test('invariant 3: a transaction writes to the topic of its appends or not at all', async () => {
  const log = await open(directory(), { stageBytes: 1 });
  for (const topic of ['t', 'u']) await created(log, topic);
  const transaction = log.begin('w', 0);
  await transaction.append('t', 0, batchOf(['old']));
  await transaction.append('u', 0, batchOf(['other']));
  await admin(log).delete('t');
  await created(log, 't');
  await expect(transaction.commit()).rejects.toMatchObject(NO_SUCH);
  expect(log.topics.get('t')!.partitions[0]!.endOffset).toBe(0n);
  expect(log.topics.get('u')!.partitions[0]!.endOffset).toBe(0n);
  await put(log, 'u', 'next');
  expect(await all(log, 'u')).toEqual(['next']);
});

test('invariant 3: commits before the deletion are kept, those behind it fail, in the order of the calls', async () => {
  const log = await created(await open(directory()), 't');
  await created(log, 'u');
  const commit = async (writer: string) => {
    const transaction = log.begin(writer, 0);
    transaction.append('t', 0, batchOf([writer]));
    transaction.append('u', 0, batchOf([writer]));
    return transaction.commit();
  };
  const before = commit('before');
  const deleting = admin(log).delete('t');
  // The deletion takes its place in the queue in a later step of this turn.
  await Promise.resolve();
  const behind = commit('behind');
  const [first, , last] = await Promise.allSettled([before, deleting, behind]);
  expect([first.status, last.status]).toEqual(['fulfilled', 'rejected']);
  expect(last).toMatchObject({ reason: NO_SUCH });
  expect(await all(log, 'u')).toEqual(['before']);
});

test('the leader epoch is one more at each opening; batches carry it, in memory, staged, direct and in segments', async () => {
  const dir = directory();
  const options = { stageBytes: 8 << 10, directBytes: 2 << 10, flushBytes: 1 << 20 };
  const sizes = [10, 3_000, 10_000];
  for (let epoch = 0; epoch < 3; epoch++) {
    const log = await open(dir, options);
    await log.topics.ensure('t', { partitions: 2, cleanup: 'delete' });
    expect(log.admin.epochs!.current('t', 0)).toBe(epoch);
    // Nothing is written to partition 1 under the first.
    for (const size of sizes)
      for (const partition of epoch === 0 ? [0] : [0, 1]) await put(log, 't', 'x'.repeat(size), partition);
    if (epoch < 2) await log.close();
    else await check(log, 3);
  }
  await check(await open(killed(dir), options), 3);

  async function check(log: EmbeddedLog, epochs: number) {
    const found: number[] = [];
    for (let next = 0n; next < 9n; ) {
      for (const { bytes, nextOffset } of await log.read('t', 0, next, 1)) {
        found.push(readBatchHeader(bytes, 0).leaderEpoch);
        next = nextOffset;
      }
    }
    expect(found).toEqual([0, 0, 0, 1, 1, 1, 2, 2, 2]);
    const { endOf } = log.admin.epochs!;
    const ends = (partition: number) =>
      [-1, 0, 1, 2, 9].map((epoch) => endOf.call(log.admin.epochs, 't', partition, epoch));
    const end = (epoch: number, endOffset: bigint) => ({ epoch, endOffset });
    expect(ends(0)).toEqual([null, end(0, 3n), end(1, 6n), end(2, 9n), end(2, 9n)]);
    expect(ends(1)).toEqual([null, null, end(1, 3n), end(2, 6n), end(2, 6n)]);
    expect(endOf.call(log.admin.epochs, 'none', 0, 1)).toBeNull();
    expect(log.admin.epochs!.current('t', 0)).toBeGreaterThanOrEqual(epochs - 1);
    const all = await log.admin.times!.firstSince('t', 0, 4n, 0);
    expect(readBatchHeader(all!.bytes, 0).leaderEpoch).toBe(1);
  }
});

test('a topic that is deleted while it is moved into its segment leaves nothing to be moved', async () => {
  const disk = new SimulatedDisk();
  const log = await created(await open(directory(), { files: disk, flushBytes: 1 }), 't');
  await created(log, 'u');
  const held = Promise.withResolvers<void>();
  let isHeld = false;
  disk.beforeSync = (path) => {
    if (!path.includes('/topics/t-0.')) return undefined;
    isHeld = true;
    return held.promise;
  };
  await put(log, 't', 'x'.repeat(10_000));
  await expect.poll(() => isHeld).toBe(true);
  await admin(log).delete('t');
  held.resolve();
  const inSegments = (topic: string) => disk.paths().filter((path) => path.includes(`/topics/${topic}-0.`));
  await expect.poll(() => inSegments('t')).toEqual([]);
  // Less than what was under way: it would not be due if that were counted twice.
  await put(log, 'u', 'small');
  await expect.poll(() => inSegments('u')).toHaveLength(1);
});

test('the format is written as a whole', async () => {
  const dir = directory();
  await (await open(dir)).close();
  expect(readdirSync(dir)).not.toContain('format.tmp');
  expect(readFileSync(join(dir, 'format'), 'utf8')).toMatch(/^\d+\n$/);
});
