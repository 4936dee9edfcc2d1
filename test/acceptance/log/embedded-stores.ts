/** The embedded log under the contract suite: on the real disk, and on a simulated one with limits that everything crosses. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../../src/lib/clock.ts';
import { type EmbeddedLog, type OpenLogOptions, openLog } from '../../../src/log/embedded-log.ts';
import { eagerClock } from '../../support/log-history.ts';
import { SimulatedDisk } from '../../support/simulated-disk.ts';
import type { LogStore } from './log-under-test.ts';

/** So small that a few commits cross every border. */
export const TIGHT = {
  flushBytes: 16 << 10,
  segmentBytes: 6 << 10,
  walFileBytes: 16 << 10,
  stageBytes: 4 << 10,
  directBytes: 1 << 10,
  ballastBytes: 2 << 10,
  cleanEveryMs: null,
} as const;

const newDirectory = () => mkdtempSync(join(tmpdir(), 'tailrace-log-'));

/** A kill is a copy of the directory, without the lock that the end of a process frees. */
export async function realStore(limits: Partial<OpenLogOptions> = {}): Promise<LogStore> {
  const directories = [newDirectory()];
  let log: EmbeddedLog | null = null;
  const close = async () => {
    await log?.close();
    log = null;
  };
  return {
    open: async () => {
      const dir = directories.at(-1)!;
      log = await openLog({ dir, clock: systemClock, random: Math.random, log: () => {}, ...limits });
      return log;
    },
    close,
    kill: async () => {
      const from = directories.at(-1)!;
      directories.push(newDirectory());
      cpSync(from, directories.at(-1)!, { recursive: true, filter: (path) => path !== join(from, 'lock') });
      await close();
    },
    remove: async () => {
      await close();
      for (const dir of directories) rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** On a disk in memory. @param powerLoss what a kill leaves of what was not synced: all of it, or a random part */
export async function simulatedStore(
  powerLoss: (() => number) | null,
  random: () => number = Math.random,
): Promise<LogStore> {
  // Holds only what is not behind `files`: lock and format.
  const dir = newDirectory();
  let disk = new SimulatedDisk();
  let log: EmbeddedLog | null = null;
  const close = async () => {
    await log?.close();
    log = null;
  };
  return {
    open: async () => {
      log = await openLog({ dir, clock: eagerClock, random, log: () => {}, files: disk, ...TIGHT });
      return log;
    },
    close,
    kill: async () => {
      const left = powerLoss === null ? disk.copy() : disk.afterPowerLoss(powerLoss);
      await close();
      disk = left;
    },
    remove: async () => {
      await close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
