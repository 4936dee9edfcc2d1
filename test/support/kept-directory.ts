/**
 * A data directory kept as one small file, for upgrade tests: as a kill left it, with everything a format can say in its
 * snapshot, its write-ahead log, a staged file and segments. `node test/support/kept-directory.ts <file>` keeps one of the
 * present format; to be run before the format changes.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { systemClock } from '../../src/lib/clock.ts';
import { type EmbeddedLog, openLog } from '../../src/log/embedded-log.ts';
import { batchOf } from './log-batches.ts';

export interface KeptDirectory {
  /** Path → deflated bytes, base64. */
  readonly files: Readonly<Record<string, string>>;
  /** What the log in it holds. */
  readonly holds: {
    readonly values: Readonly<Record<string, readonly (readonly string[])[]>>;
    readonly cleanup: Readonly<Record<string, string>>;
    readonly checkpoints: readonly (readonly [string, string])[];
    /** Writer → epoch that the next fence gives. */
    readonly nextEpochs: Readonly<Record<string, number>>;
    readonly openings: readonly string[];
  };
}

/** Unpacks it into an empty directory. */
export function unpackDirectory({ files }: KeptDirectory, dir: string): void {
  for (const [path, packed] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), inflateRawSync(Buffer.from(packed, 'base64')));
  }
}

function packDirectory(dir: string): Record<string, string> {
  const names = readdirSync(dir, { recursive: true, encoding: 'utf8' }).sort();
  const paths = names.map((name) => join(dir, name)).filter((path) => statSync(path).isFile());
  return Object.fromEntries(
    paths
      .map((path) => relative(dir, path))
      .filter((path) => !path.startsWith('lock'))
      .map((path) => [path, deflateRawSync(readFileSync(join(dir, path))).toString('base64')]),
  );
}

async function keep(): Promise<KeptDirectory> {
  const dir = mkdtempSync(join(tmpdir(), 'tailrace-kept-'));
  const values = { orders: [[], []] as string[][], state: [[]] as string[][] };
  const openings: string[] = [];
  const open = async () => {
    const log = await openLog({ dir, clock: systemClock, random: Math.random, log: () => {}, ...LIMITS });
    openings.push(log.lineage.current);
    return log;
  };
  const first = await open();
  await first.topics.ensure('orders', { partitions: 2, cleanup: 'delete' });
  await first.topics.ensure('state', { partitions: 1, cleanup: 'compact' });
  await fill(first, await first.fence('writer'), 'first', values);
  await first.close();
  const second = await open();
  await fill(second, await second.fence('writer'), 'second', values);
  const files = packDirectory(dir);
  const checkpoints = second.checkpoints.list('');
  await second.close();
  rmSync(dir, { recursive: true });
  const cleanup = { orders: 'delete', state: 'compact' };
  return { files, holds: { values, cleanup, checkpoints, nextEpochs: { writer: 3 }, openings } };
}

const LIMITS = { flushBytes: 8 << 10, segmentBytes: 4 << 10, stageBytes: 4 << 10, directBytes: 1 << 10 };

/** Small commits, one that goes direct, small ones, one that is staged. */
async function fill(log: EmbeddedLog, epoch: number, name: string, values: Record<string, string[][]>): Promise<void> {
  for (let n = 0; n < 8; n++) {
    const transaction = log.begin('writer', epoch);
    const put = async (topic: string, partition: number, length: number) => {
      const value = `${name}-${n}-`.padEnd(length, 'x');
      values[topic]![partition]!.push(value);
      await transaction.append(topic, partition, batchOf([value]));
    };
    await put('orders', n % 2, n === 2 ? 1_500 : 100);
    await put('state', 0, 50);
    if (n === 5) for (let i = 0; i < 8; i++) await put('orders', 1, 700);
    transaction.checkpoint(name, String(n));
    transaction.checkpoint('gone', n === 7 ? null : name);
    await transaction.commit();
  }
}

if (import.meta.main) writeFileSync(process.argv[2]!, `${JSON.stringify(await keep(), null, 1)}\n`);
