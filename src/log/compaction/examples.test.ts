/** Single cases of compaction. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { batchFrom, recordsIn, TOPIC, withCodec } from '../../../test/support/compacted-log.ts';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { partitionFolder } from '../../../test/support/partition-folder.ts';
import type { TopicConfig } from '../../contracts/log-admin.ts';
import { readBatchHeader } from '../../wire/record-batch.ts';
import { type EmbeddedLog, type OpenLogOptions, openLog } from '../embedded-log.ts';
import { hash128 } from './key-map.ts';

const HOUR = 3_600_000;

interface Opened {
  readonly dir: string;
  readonly clock: ManualClock;
  readonly problems: string[];
  log: EmbeddedLog;
  reopen(): Promise<void>;
}

async function opened(config: TopicConfig = {}, options: Partial<OpenLogOptions> = {}): Promise<Opened> {
  const dir = mkdtempSync(join(tmpdir(), 'tailrace-compacted-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const clock = new ManualClock();
  const problems: string[] = [];
  const open = () =>
    openLog({
      dir,
      clock,
      random: Math.random,
      log: (level, message, fields) => level === 'info' || problems.push(`${message} ${JSON.stringify(fields)}`),
      cleanEveryMs: null,
      ballastBytes: 0,
      segmentBytes: 10_000,
      topicConfig: () => ({ 'cleanup.policy': 'compact', 'delete.retention.ms': String(HOUR), ...config }),
      ...options,
    });
  const state: Opened = {
    dir,
    clock,
    problems,
    log: await open(),
    async reopen() {
      await state.log.close();
      state.log = await open();
    },
  };
  onTestFinished(() => state.log.close());
  await state.log.topics.ensure(TOPIC, { partitions: 1, cleanup: 'compact' });
  return state;
}

type Pair = readonly [key: string, value: string | null];

async function append({ log, clock }: Opened, pairs: readonly Pair[], pack = (batch: Uint8Array) => batch) {
  const transaction = log.begin('w', 0);
  const batch = pack(batchFrom(pairs.map(([key, value]) => ({ key, value, time: clock.now() }))));
  await transaction.append(TOPIC, 0, batch);
  await transaction.commit();
}

const info = ({ log }: Opened) => log.topics.get(TOPIC)!.partitions[0]!;
const compact = ({ log }: Opened) => log.clean({ compact: TOPIC });
const pairs = async ({ log }: Opened) =>
  (await recordsIn(log, info({ log } as Opened).startOffset)).map(
    ({ offset, key, value }) => `${offset} ${key}=${value}`,
  );
const segmentFiles = ({ dir }: Opened) =>
  readdirSync(partitionFolder(dir, TOPIC, 0)).filter((name) => name.endsWith('.log'));

test('the last record of each key stays, with its offset, time and headers; the ends stay', async () => {
  const log = await opened();
  for (let i = 0; i < 100; i++) await append(log, [[`k${i % 5}`, `v${i}`]]);
  await compact(log);
  expect(await pairs(log)).toEqual(['95 k0=v95', '96 k1=v96', '97 k2=v97', '98 k3=v98', '99 k4=v99']);
  expect(info(log)).toMatchObject({ startOffset: 0n, endOffset: 100n, compactedTo: 100n });
  const [first] = await log.log.read(TOPIC, 0, 3n, 1);
  expect(first).toMatchObject({ baseOffset: 95n, nextOffset: 96n });
  await log.reopen();
  expect((await pairs(log)).length).toBe(5);
  expect(segmentFiles(log)).toEqual(['00000000000000000000.1.log']);
  await append(log, [['k0', 'new']]);
  await compact(log);
  expect((await pairs(log))[0]).toBe('96 k1=v96');
});

test('invariant 5: a tombstone goes after delete.retention.ms, and the log says up to where deletes are gone', async () => {
  const log = await opened();
  await append(log, [
    ['a', '1'],
    ['b', '1'],
  ]);
  await append(log, [
    ['a', null],
    ['c', '1'],
  ]);
  await compact(log);
  expect(await pairs(log)).toEqual(['1 b=1', '2 a=null', '3 c=1']);
  await log.clock.advance(HOUR - 1);
  await append(log, [['b', '2']]);
  await compact(log);
  expect(await pairs(log)).toEqual(['2 a=null', '3 c=1', '4 b=2']);
  expect(info(log).deletesRemovedTo).toBe(0n);
  await log.clock.advance(2);
  await append(log, [['b', '3']]);
  await compact(log);
  expect(await pairs(log)).toEqual(['3 c=1', '5 b=3']);
  expect(info(log).deletesRemovedTo).toBe(3n);
  await log.reopen();
  expect(info(log).deletesRemovedTo).toBe(3n);
});

test('a tombstone that is the last record stays: below the end there is always something to read', async () => {
  const log = await opened();
  await append(log, [['a', null]]);
  await compact(log);
  await log.clock.advance(2 * HOUR);
  await append(log, [['b', null]]);
  await compact(log);
  await log.clock.advance(2 * HOUR);
  await append(log, [['c', null]]);
  await compact(log);
  expect(await pairs(log)).toEqual(['2 c=null']);
});

test('invariant 7: a tombstone whose key could not be looked for never goes', async () => {
  // The map has room for 48 keys: a batch of 60 is not looked into.
  const log = await opened({}, { keyBytes: 64 * 24 });
  await append(log, [['k0', 'old']]);
  await append(log, [...Array.from({ length: 60 }, (_, i): Pair => [`k${i}`, 'x']), ['k0', null]]);
  for (let i = 0; i < 4; i++) {
    await append(log, [['z', `${i}`]]);
    await compact(log);
    await log.clock.advance(2 * HOUR);
  }
  const found = await pairs(log);
  expect(found).toContain('61 k0=null');
  expect(found).toContain('0 k0=old');
});

describe('what is compacted', () => {
  test('nothing in the last segment, and nothing younger than min.compaction.lag.ms', async () => {
    const log = await opened({ 'min.compaction.lag.ms': String(HOUR), 'min.cleanable.dirty.ratio': '0' });
    for (let i = 0; i < 200; i++) await append(log, [['k', `v${i}`]]);
    await log.log.clean();
    expect((await pairs(log)).length).toBe(200);
    await log.clock.advance(HOUR + 1);
    await log.log.clean();
    const { compactedTo } = info(log);
    expect(compactedTo).toBeGreaterThan(50n);
    expect(compactedTo).toBeLessThan(200n);
    expect((await pairs(log)).length).toBe(200 - Number(compactedTo) + 1);
  });

  test('nothing below min.cleanable.dirty.ratio, until max.compaction.lag.ms', async () => {
    const log = await opened({ 'min.cleanable.dirty.ratio': '0.9', 'max.compaction.lag.ms': String(24 * HOUR) });
    for (let i = 0; i < 500; i++) await append(log, [[`k${i}`, 'v']]);
    await compact(log);
    for (let i = 0; i < 200; i++) await append(log, [['k', `v${i}`]]);
    await log.log.clean();
    expect(info(log).compactedTo).toBe(500n);
    await log.clock.advance(24 * HOUR + 1);
    await log.log.clean();
    expect(info(log).compactedTo).toBe(700n);
  });

  test('with compact,delete old segments go too', async () => {
    const log = await opened({ 'cleanup.policy': 'compact,delete', 'retention.ms': String(10 * HOUR) });
    await append(log, [['a', '1']]);
    await compact(log);
    await log.clock.advance(11 * HOUR);
    await append(log, [['b', '1']]);
    await log.log.clean();
    expect(await pairs(log)).toEqual(['1 b=1']);
  });

  test('topics that nobody configured keep all changes of seven days', async () => {
    const log = await opened();
    await log.log.close();
    const clock = new ManualClock();
    const bare = await openLog({ dir: log.dir, clock, random: Math.random, log: () => {}, cleanEveryMs: null });
    onTestFinished(() => bare.close());
    const again: Opened = { ...log, log: bare, clock };
    for (let i = 0; i < 10; i++) await append(again, [['k', `${i}`]]);
    await compact(again);
    expect((await pairs(again)).length).toBe(10);
    await clock.advance(7 * 24 * HOUR + 1);
    await compact(again);
    expect(await pairs(again)).toEqual(['9 k=9']);
  });
});

describe('codecs', () => {
  /** Literals only. */
  const snappy = (block: Uint8Array) => {
    const length = Buffer.from([(block.length & 0x7f) | 0x80, block.length >> 7]);
    const tag = Buffer.from([61 << 2, (block.length - 1) & 0xff, (block.length - 1) >> 8]);
    return Buffer.concat([length, tag, block]);
  };

  test.each([
    ['gzip', 1, 1, undefined],
    ['zstd', 4, 4, undefined],
    ['snappy, which is only read: not compressed afterwards', 2, 0, snappy],
  ])('%s', async (_, codec, after, pack) => {
    const log = await opened();
    const big = 'x'.repeat(300);
    const packed = (batch: Uint8Array) =>
      pack === undefined
        ? batchFrom(
            [
              { key: 'a', value: big, time: log.clock.now() },
              { key: 'b', value: big, time: log.clock.now() },
            ],
            codec,
          )
        : withCodec(batch, codec, pack);
    await append(
      log,
      [
        ['a', big],
        ['b', big],
      ],
      packed,
    );
    await append(log, [['a', '2']]);
    await compact(log);
    expect(await pairs(log)).toEqual([`1 b=${big}`, '2 a=2']);
    const [batch] = await log.log.read(TOPIC, 0, 0n, 1);
    expect(readBatchHeader(batch!.bytes, 0)).toMatchObject({ count: 1, lastOffsetDelta: 1 });
    expect(readBatchHeader(batch!.bytes, 0).attributes & 7).toBe(after);
  });

  test('control batches and batches that cannot be decompressed stay as they are', async () => {
    const log = await opened();
    await append(log, [['a', '1']], (batch) => withCodec(batch, 0x20, (block) => block));
    await append(log, [['a', '2']], (batch) => withCodec(batch, 1, () => Buffer.from('not gzip')));
    const before = await log.log.read(TOPIC, 0, 0n, 1 << 20);
    await append(log, [['a', '3']]);
    await append(log, [['a', '4']]);
    await compact(log);
    const after = await log.log.read(TOPIC, 0, 0n, 1 << 20);
    expect(after.map(({ baseOffset }) => baseOffset)).toEqual([0n, 1n, 3n]);
    expect(Buffer.compare(after[0]!.bytes, before[0]!.bytes)).toBe(0);
    expect(after[1]!.nextOffset).toBe(3n);
  });
});

test('readers go on while segments are replaced under them', async () => {
  const log = await opened();
  for (let i = 0; i < 400; i++) await append(log, [[`k${i % 50}`, `${i}`.repeat(20)]]);
  const compacting = compact(log);
  let done = false;
  void compacting.then(() => {
    done = true;
  });
  let rounds = 0;
  do {
    rounds++;
    const rows = new Map((await recordsIn(log.log, 0n, 500)).map(({ key, value }) => [key, value]));
    expect(rows.size).toBe(50);
    expect(rows.get('k49')).toBe('399'.repeat(20));
    await new Promise(setImmediate);
  } while (!done);
  await compacting;
  expect(rounds).toBeGreaterThan(1);
  expect((await pairs(log)).length).toBe(50);
});

test('a topic that is deleted while it is compacted is gone, and another of its name is new', async () => {
  const log = await opened();
  for (let i = 0; i < 300; i++) await append(log, [[`k${i % 50}`, `${i}`.repeat(20)]]);
  const compacting = compact(log);
  await log.log.admin.topics!.delete(TOPIC);
  await compacting;
  await log.log.clean();
  expect(log.problems).toEqual([]);
  await log.log.topics.ensure(TOPIC, { partitions: 1, cleanup: 'compact' });
  await append(log, [['a', '1']]);
  await compact(log);
  expect(await pairs(log)).toEqual(['0 a=1']);
  await log.reopen();
  expect(await pairs(log)).toEqual(['0 a=1']);
});

test('a damaged partition is not compacted, and what is good of it is read', async () => {
  const log = await opened({ 'min.compaction.lag.ms': String(HOUR) });
  for (let i = 0; i < 200; i++) await append(log, [[`k${i % 10}`, `${i}`.repeat(30)]]);
  await log.log.clean();
  const [, second] = segmentFiles(log);
  const path = join(partitionFolder(log.dir, TOPIC, 0), second!);
  const bytes = readFileSync(path);
  bytes[statSync(path).size >> 1]! ^= 4;
  writeFileSync(path, bytes);
  const files = segmentFiles(log);
  await log.clock.advance(2 * HOUR);
  await compact(log);
  await compact(log);
  expect(log.problems.filter((problem) => problem.includes('not compacted')).length).toBe(1);
  expect(log.problems.join()).toContain(second);
  expect(segmentFiles(log)).toEqual(files);
  expect((await log.log.read(TOPIC, 0, 0n, 1))[0]!.baseOffset).toBe(0n);
  expect((await log.log.read(TOPIC, 0, 199n, 1))[0]!.baseOffset).toBe(199n);
});

test('the hash of keys is MurmurHash3 x86_128', () => {
  const text = Buffer.from('The quick brown fox jumps over the lazy dog');
  const out = new Uint32Array(4);
  hash128(text, 0, text.length, new Uint32Array(4), out);
  expect([...out].map((part) => part.toString(16).padStart(8, '0')).join('')).toBe('2f1583c3ecee2c675d7bf66ce5e91d2c');
});
