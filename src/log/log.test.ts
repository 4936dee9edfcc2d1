import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { FaultyFiles, failure } from '../../test/support/faulty-files.ts';
import { partitionFolder } from '../../test/support/partition-folder.ts';
import { systemClock } from '../lib/clock.ts';
import { diskFiles } from '../lib/files.ts';
import { RecordBatchBuilder } from '../wire/record-batch.ts';
import { type EmbeddedLog, type OpenLogOptions, openLog } from './embedded-log.ts';
import { openLogReadOnly } from './read-only.ts';

const DELETE = { partitions: 1, cleanup: 'delete' } as const;
const eager = { ...systemClock, sleep: () => new Promise<void>((resolve) => setImmediate(resolve)) };

function directory(): string {
  const dir = mkdtempSync(join(tmpdir(), 'tailrace-log-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

function open(dir: string, options: Partial<OpenLogOptions> = {}): Promise<EmbeddedLog> {
  return openLog({ dir, clock: eager, random: Math.random, log: () => {}, cleanEveryMs: null, ...options });
}

function batch(...values: readonly string[]): Uint8Array {
  const builder = new RecordBatchBuilder();
  builder.begin(1_700_000_000_000);
  for (const value of values) builder.append(1_700_000_000_000, null, Buffer.from(value));
  return builder.finish();
}

async function values(log: EmbeddedLog, topic: string): Promise<string[]> {
  const found: string[] = [];
  const { startOffset, endOffset } = log.topics.get(topic)!.partitions[0]!;
  for (let next = startOffset; next < endOffset; ) {
    for (const one of await log.read(topic, 0, next, 1 << 20)) {
      expect(one.baseOffset).toBe(next);
      for (const { value } of one.records()) found.push(Buffer.from(value!).toString());
      next = one.nextOffset;
    }
  }
  return found;
}

/** Commits `a<n>` and `b<n>` to two topics and `n` to a checkpoint. */
async function commit(log: EmbeddedLog, n: number, filler = ''): Promise<void> {
  const transaction = log.begin('writer', 0);
  await transaction.append('a', 0, batch(`a${n}${filler}`));
  await transaction.append('b', 0, batch(`b${n}`, `b${n}`));
  transaction.checkpoint('n', String(n));
  await transaction.commit();
}

async function topics(log: EmbeddedLog): Promise<EmbeddedLog> {
  await log.topics.ensure('a', DELETE);
  await log.topics.ensure('b', DELETE);
  return log;
}

const SMALL = '';
const DIRECT = 'x'.repeat(3 << 19);
const numbers = (all: readonly string[]) => all.map((text) => text.replace(/x+$/, ''));

/** All commits are whole; at least the first `acknowledged` are there. Returns how many. */
async function whole(log: EmbeddedLog, acknowledged: number): Promise<number> {
  const a = log.topics.get('a') === undefined ? [] : numbers(await values(log, 'a'));
  const b = log.topics.get('b') === undefined ? [] : await values(log, 'b');
  const count = a.length;
  expect(a).toEqual(Array.from({ length: count }, (_, i) => `a${i + 1}`));
  expect(b).toEqual(Array.from({ length: count }, (_, i) => [`b${i + 1}`, `b${i + 1}`]).flat());
  expect(log.checkpoints.get('n')).toBe(count === 0 ? undefined : String(count));
  expect(count).toBeGreaterThanOrEqual(acknowledged);
  return count;
}

describe('commits', () => {
  test.each([
    ['small ones', SMALL],
    ['large ones, straight to their segments', DIRECT],
  ])('%s are read back, also after a restart and by offset', async (_, filler) => {
    const dir = directory();
    const log = await topics(await open(dir));
    for (let n = 1; n <= 5; n++) await commit(log, n, filler);
    await whole(log, 5);
    expect((await log.read('b', 0, 3n, 1))[0]).toMatchObject({ baseOffset: 2n, nextOffset: 4n });
    await log.close();
    const again = await open(dir);
    expect(await whole(again, 5)).toBe(5);
    await commit(again, 6, filler);
    expect(await whole(again, 6)).toBe(6);
    await again.close();
  });

  test('small and large ones of one partition keep their order', async () => {
    const dir = directory();
    const log = await topics(await open(dir));
    for (let n = 1; n <= 9; n++) await commit(log, n, n % 3 === 0 ? DIRECT : SMALL);
    await whole(log, 9);
    await log.close();
    const again = await open(dir);
    expect(await whole(again, 9)).toBe(9);
    await again.close();
  });

  test('a large one behind small ones is there after a kill between two log checkpoints', async () => {
    const dir = directory();
    const log = await topics(await open(dir));
    for (const [n, filler] of [SMALL, DIRECT, SMALL, DIRECT, DIRECT].entries()) await commit(log, n + 1, filler);
    const killed = directory();
    cpSync(dir, killed, { recursive: true, filter: (path) => !path.endsWith('lock') });
    await log.close();
    const after = await open(killed);
    expect(await whole(after, 5)).toBe(5);
    await after.close();
  });

  test('several in flight: one writer begins anew while the last one is synced; durable in call order', async () => {
    const log = await topics(await open(directory()));
    const order: number[] = [];
    const commits = [1, 2, 3, 4].map((n) => {
      const transaction = log.begin('writer', 0);
      transaction.append('a', 0, batch(`${n}${n === 2 ? DIRECT : SMALL}`));
      return transaction.commit().then(() => order.push(n));
    });
    await Promise.all(commits);
    expect(order).toEqual([1, 2, 3, 4]);
    expect(numbers(await values(log, 'a'))).toEqual(['1', '2', '3', '4']);
    await log.close();
  });

  test('a finish that throws, or names a topic that does not exist, takes no offsets', async () => {
    const log = await topics(await open(directory()));
    const bad = log.begin('writer', 0);
    bad.append('a', 0, batch('lost'));
    const failing = bad.commit(() => {
      throw new Error('no end records');
    });
    await expect(failing).rejects.toThrow('no end records');
    const unknown = log.begin('writer', 0);
    unknown.append('a', 0, batch('lost'));
    const nowhere = unknown.commit(() => [{ topic: 'nope', partition: 0, bytes: batch('x') }]);
    await expect(nowhere).rejects.toMatchObject({ code: 'log.no_such_topic' });
    await commit(log, 1);
    expect(await whole(log, 1)).toBe(1);
    await log.close();
  });

  test('a fenced writer’s open transaction stands in nobody’s way', async () => {
    const log = await topics(await open(directory()));
    const old = log.begin('writer', 0);
    old.append('a', 0, batch('old'));
    const epoch = await log.fence('writer');
    const fresh = log.begin('writer', epoch);
    await expect(old.commit()).rejects.toMatchObject({ code: 'log.fenced' });
    expect(() => log.begin('writer', epoch)).toThrow(/open already/);
    fresh.append('a', 0, batch('new'));
    await fresh.commit();
    expect(await values(log, 'a')).toEqual(['new']);
    await log.close();
  });

  test('a transaction larger than memory allows is staged on disk, whole and invisible until its commit', async () => {
    const dir = directory();
    const log = await topics(await open(dir));
    const part = 'y'.repeat(1 << 20);
    const transaction = log.begin('writer', 0);
    for (let i = 0; i < 20; i++) await transaction.append('a', 0, batch(`${i}${part}`));
    expect(readdirSync(join(dir, 'staged'))).toHaveLength(1);
    expect(log.topics.get('a')!.partitions[0]!.endOffset).toBe(0n);
    const ends = await transaction.commit();
    expect(ends).toEqual([{ topic: 'a', partition: 0, baseOffset: 0n, endOffset: 20n }]);
    const sizes = (await values(log, 'a')).map((text) => Number.parseInt(text, 10));
    expect(sizes).toEqual(Array.from({ length: 20 }, (_, i) => i));
    await log.close();
    expect(readdirSync(join(dir, 'staged'))).toEqual([]);
    const again = await open(dir);
    expect(await values(again, 'a')).toHaveLength(20);
    await again.close();
  });

  test('finish sees the end offsets once and its batches join the commit', async () => {
    const log = await topics(await open(directory()));
    const transaction = log.begin('writer', 0);
    transaction.append('a', 0, batch('one', 'two'));
    await transaction.commit((ends) => [{ topic: 'b', partition: 0, bytes: batch(`ends at ${ends[0]!.endOffset}`) }]);
    expect(await values(log, 'b')).toEqual(['ends at 2']);
    await log.close();
  });

  test('an aborted transaction leaves nothing; a fenced writer is refused', async () => {
    const log = await topics(await open(directory()));
    const dropped = log.begin('writer', 0);
    dropped.append('a', 0, batch('dropped'));
    await dropped.abort();
    const epoch = await log.fence('writer');
    const late = log.begin('writer', epoch - 1);
    late.append('a', 0, batch('late'));
    await expect(late.commit()).rejects.toMatchObject({ code: 'log.fenced' });
    expect(await values(log, 'a')).toEqual([]);
    await log.close();
  });
});

describe('durability', () => {
  test('invariant 8: nothing is visible before it is on disk', async () => {
    let held = false;
    let asked: () => void = () => {};
    let release: () => void = () => {};
    const syncing = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const files = new FaultyFiles(diskFiles, ({ kind, path }) => {
      if (!held || kind !== 'sync' || !path.endsWith('.wal')) return undefined;
      return new Promise((resolve) => {
        release = resolve;
        asked();
      });
    });
    const log = await topics(await open(directory(), { files }));
    held = true;
    let done = false;
    const committed = commit(log, 1).then(() => {
      done = true;
    });
    await syncing;
    expect(log.topics.get('a')!.partitions[0]!.endOffset).toBe(0n);
    expect(log.checkpoints.get('n')).toBeUndefined();
    expect(await log.read('a', 0, 0n, 1 << 20)).toEqual([]);
    expect(done).toBe(false);
    held = false;
    release();
    await committed;
    expect(await whole(log, 1)).toBe(1);
    await log.close();
  });

  test.each([
    ['small', SMALL],
    ['large', DIRECT],
  ])('invariant 3: a crash in the middle of any write leaves whole commits, %s ones', async (_, filler) => {
    for (let at = 1; ; at++) {
      const dir = directory();
      let acknowledged = 0;
      let seen = 0;
      const files = new FaultyFiles(diskFiles, () => (++seen === at ? 'cut' : undefined));
      const reached = await (async () => {
        try {
          const log = await topics(await open(dir, { files, flushBytes: 1 << 20, walFileBytes: 8 << 10 }));
          for (let n = 1; n <= 4; n++) {
            await commit(log, n, filler);
            acknowledged = n;
          }
          await log.close();
          return seen < at;
        } catch {
          return false;
        }
      })();
      await files.closeAll();
      // The end of a process frees its lock; this process goes on.
      rmSync(join(dir, 'lock'), { recursive: true, force: true });
      const after = await open(dir);
      await whole(after, acknowledged);
      await after.close();
      rmSync(dir, { recursive: true });
      if (reached) break;
      expect(at).toBeLessThan(200);
    }
  });

  test('the last frame cut at any byte is no part of the log; the ones before are there', async () => {
    const dir = directory();
    const log = await topics(await open(dir));
    for (let n = 1; n <= 3; n++) await commit(log, n);
    // As a kill leaves it: copied before the close.
    const killed = directory();
    cpSync(dir, killed, { recursive: true });
    await log.close();
    const wal = join(killed, 'wal', readdirSync(join(killed, 'wal'))[0]!);
    const bytes = readFileSync(wal);
    // Its second head only tells what a damaged first one would have.
    const end = bytes.lastIndexOf('TRF2');
    // The last byte of the batches is zero already.
    for (let cut = bytes.lastIndexOf('TRF2', end - 1); cut < end - 1; cut += 7) {
      const copy = directory();
      cpSync(killed, copy, { recursive: true });
      rmSync(join(copy, 'lock'), { recursive: true });
      const torn = Buffer.from(bytes);
      torn.fill(0, cut);
      writeFileSync(join(copy, 'wal', 'torn'), torn);
      cpSync(join(copy, 'wal', 'torn'), wal.replace(killed, copy));
      const after = await open(copy);
      expect(await whole(after, 2)).toBe(2);
      await after.close();
    }
  });

  test('a full disk holds appends up; they go on by themselves', async () => {
    let full = 3;
    const files = new FaultyFiles(diskFiles, ({ kind, path }) => {
      if (kind === 'write' && path.endsWith('.wal') && full-- > 0) return Promise.reject(failure('ENOSPC'));
      return undefined;
    });
    const log = await topics(await open(directory(), { files }));
    await commit(log, 1);
    expect(full).toBeLessThan(0);
    expect(await whole(log, 1)).toBe(1);
    await log.close();
  });

  test('a failed fsync ends the log: nothing after it is acknowledged, what was durable is served', async () => {
    let broken = false;
    const files = new FaultyFiles(diskFiles, ({ kind, path }) =>
      broken && kind === 'sync' && path.endsWith('.wal') ? Promise.reject(failure('EIO')) : undefined,
    );
    const log = await topics(await open(directory(), { files }));
    await commit(log, 1);
    broken = true;
    await expect(commit(log, 2)).rejects.toMatchObject({ code: 'log.failed' });
    broken = false;
    await expect(commit(log, 3)).rejects.toMatchObject({ code: 'log.failed' });
    expect(await log.failed).toMatchObject({ code: 'log.failed' });
    expect(await whole(log, 1)).toBe(1);
    await log.close();
  });

  test('damage in a segment answers an error, the rest is served', async () => {
    const dir = directory();
    const log = await topics(await open(dir));
    for (let n = 1; n <= 6; n++) await commit(log, n, DIRECT);
    const segment = join(partitionFolder(dir, 'a', 0), '00000000000000000000.log');
    const bytes = readFileSync(segment);
    bytes[Math.floor(bytes.length / 2)]! ^= 1;
    writeFileSync(segment, bytes);
    const outcomes = [];
    for (let offset = 0n; offset < 6n; offset++) {
      outcomes.push(
        await log.read('a', 0, offset, 1).then(
          () => 'read',
          (error: { code: string }) => error.code,
        ),
      );
    }
    expect(outcomes.filter((outcome) => outcome === 'log.damaged')).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === 'read')).toHaveLength(5);
    await log.close();
  });
});

describe('readers', () => {
  test('invariant 5: an offset outside of the partition is refused, never reset', async () => {
    const log = await topics(await open(directory()));
    await commit(log, 1);
    expect(await log.read('a', 0, 1n, 1)).toEqual([]);
    await expect(log.read('a', 0, 2n, 1)).rejects.toMatchObject({ code: 'log.offset_out_of_range' });
    await expect(log.read('a', 0, -1n, 1)).rejects.toMatchObject({ code: 'log.offset_out_of_range' });
    await expect(log.read('nope', 0, 0n, 1)).rejects.toMatchObject({ code: 'log.no_such_topic' });
    await log.close();
  });

  test('wait until a partition grows, or the signal aborts', async () => {
    const log = await topics(await open(directory()));
    const position = [{ topic: 'a', partition: 0, offset: 0n }];
    const grown = log.waitFor(position, new AbortController().signal);
    await commit(log, 1);
    await grown;
    const abort = new AbortController();
    const waiting = log.waitFor([{ ...position[0]!, offset: 1n }], abort.signal);
    abort.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await log.close();
  });

  test('lineage: an opening covers what was written until the next one wrote', async () => {
    const dir = directory();
    const first = await topics(await open(dir));
    await commit(first, 1);
    const id = first.lineage.current;
    expect(first.lineage.covers(id, 'a', 0, 1n)).toBe(true);
    expect(first.lineage.covers(id, 'a', 0, 2n)).toBe(false);
    await first.close();
    const second = await open(dir);
    await commit(second, 2);
    expect(second.lineage.current).not.toBe(id);
    expect(second.lineage.covers(id, 'a', 0, 1n)).toBe(true);
    expect(second.lineage.covers(id, 'a', 0, 2n)).toBe(false);
    expect(second.lineage.covers('0000000000000000', 'a', 0, 0n)).toBe(false);
    await second.close();
  });
});

describe('the data directory', () => {
  test('is one process’s, and free again after the close; mode 0700', async () => {
    const dir = directory();
    const log = await topics(await open(dir));
    await expect(open(dir)).rejects.toMatchObject({ code: 'log.locked' });
    await expect(openLogReadOnly({ dir, clock: eager, random: Math.random, log: () => {} })).rejects.toMatchObject({
      code: 'log.locked',
    });
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    await commit(log, 1);
    await log.close();
    const looked = await openLogReadOnly({ dir, clock: eager, random: Math.random, log: () => {} });
    expect(looked.checkpoints.get('n')).toBe('1');
    expect(looked.topics.get('a')!.partitions[0]!.endOffset).toBe(1n);
    await looked.close();
  });

  test('of a newer format is refused and left alone', async () => {
    const dir = directory();
    await (await open(dir)).close();
    writeFileSync(join(dir, 'format'), '99\n');
    await expect(open(dir)).rejects.toMatchObject({ code: 'log.newer_format' });
  });
});
