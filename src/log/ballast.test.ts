import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { eagerClock } from '../../test/support/log-history.ts';
import { SimulatedDisk, systemError } from '../../test/support/simulated-disk.ts';
import { RecordBatchBuilder } from '../wire/record-batch.ts';
import { type EmbeddedLog, openLog } from './embedded-log.ts';

/** Write-ahead files are made of 1 MiB. */
const CAPACITY = 8 << 20;
const BALLAST = 320 << 10;
const KEPT = 400_000;

/** A log on a disk of limited room, whose one topic keeps about `KEPT` bytes. */
class SmallDisk {
  readonly disk = new SimulatedDisk();
  readonly dir = mkdtempSync(join(tmpdir(), 'tailrace-ballast-'));
  readonly full: Promise<void>;
  log!: EmbeddedLog;
  #onFull = () => {};

  constructor() {
    onTestFinished(() => rmSync(this.dir, { recursive: true, force: true }));
    this.full = new Promise((resolve) => {
      this.#onFull = resolve;
    });
    this.disk.fault = ({ grows = 0, path }) => {
      if (grows > 0 && this.disk.usedBytes + grows > CAPACITY) throw systemError('ENOSPC', path);
      return undefined;
    };
  }

  async open(ballastBytes: number): Promise<void> {
    this.log = await openLog({
      dir: this.dir,
      files: this.disk,
      clock: eagerClock,
      random: Math.random,
      log: (_level, message) => {
        if (message.startsWith('the disk is full')) this.#onFull();
      },
      cleanEveryMs: null,
      segmentBytes: 100_000,
      flushBytes: 64 << 10,
      walFileBytes: 128 << 10,
      ballastBytes,
      topicConfig: () => ({ 'retention.bytes': String(KEPT) }),
    });
    await this.log.topics.ensure('t', { partitions: 1, cleanup: 'delete' });
    await this.log.clean();
  }

  async append(): Promise<void> {
    const builder = new RecordBatchBuilder();
    builder.begin(0);
    builder.append(0, null, Buffer.alloc(10_000));
    const transaction = this.log.begin('w', 0);
    await transaction.append('t', 0, builder.finish());
    await transaction.commit();
  }

  /** Appends until the disk is full; resolves to the commit that waits, and how many were acknowledged before. */
  async fill(): Promise<{ acknowledged: number; waiting: Promise<void> }> {
    let isFull = false;
    void this.full.then(() => {
      isFull = true;
    });
    for (let acknowledged = 0; ; acknowledged++) {
      const waiting = this.append();
      await Promise.race([waiting, this.full]);
      if (isFull) return { acknowledged, waiting };
    }
  }
}

test('a full disk: what retention gives free is free, and what waited goes on', async () => {
  const small = new SmallDisk();
  await small.open(BALLAST);
  const { acknowledged, waiting } = await small.fill();
  await small.log.clean();
  await waiting;
  const { startOffset, endOffset } = small.log.topics.get('t')!.partitions[0]!;
  expect(endOffset).toBe(BigInt(acknowledged) + 1n);
  expect(startOffset).toBeGreaterThan(0n);
  // Made again for the next time.
  expect(small.disk.bytes(join(small.dir, 'ballast'))?.length).toBe(BALLAST);
  await small.log.close();
});

test('without a ballast it stays full: this disk is one on which it matters', async () => {
  const small = new SmallDisk();
  await small.open(0);
  const { waiting } = await small.fill();
  const refused = expect(waiting).rejects.toMatchObject({ code: 'log.closed' });
  await expect(small.log.clean()).rejects.toMatchObject({ code: 'ENOSPC' });
  await Promise.all([small.log.close(), refused]);
});

test('a start on a full disk gives it up too', async () => {
  const small = new SmallDisk();
  await small.open(BALLAST);
  const { acknowledged, waiting } = await small.fill();
  const refused = expect(waiting).rejects.toMatchObject({ code: 'log.closed' });
  await Promise.all([small.log.close(), refused]);
  await small.open(BALLAST);
  expect(small.log.topics.get('t')!.partitions[0]!.endOffset).toBe(BigInt(acknowledged));
  await small.log.close();
});

test('one of an earlier process, or half of one, is found', async () => {
  const small = new SmallDisk();
  await small.open(BALLAST);
  await small.log.close();
  const path = join(small.dir, 'ballast');
  const before = small.disk.bytes(path)!.slice();
  await small.open(BALLAST);
  expect(small.disk.bytes(path)).toEqual(before);
  await small.log.close();
  small.disk.truncateFile(path, 100);
  await small.open(BALLAST);
  await small.log.close();
  expect(small.disk.bytes(path)?.length).toBe(BALLAST);
});
