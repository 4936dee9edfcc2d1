/** The tools of `tailrace log`. */
import { resolve } from 'node:path';
import type { LogTools, Progress } from '../../contracts/log-tools.ts';
import type { Clock } from '../../contracts/plugin.ts';
import { openLog } from '../embedded-log.ts';
import { copyLog } from './copy.ts';
import { dumpLog, verifyLog } from './verify.ts';

/** @param random uniform in [0, 1) */
export function createLogTools({ clock, random }: { readonly clock: Clock; readonly random: () => number }): LogTools {
  /** Everything that a start does: recovery made permanent, and a new lineage id. */
  const reopen = async (dir: string) => {
    const log = await openLog({ dir, clock, random, log: () => {}, cleanEveryMs: null });
    await log.close();
  };
  const quiet: Progress = () => {};
  return {
    verify: (dir, progress) => verifyLog(dir, progress),
    async repair(dir, progress) {
      // First: it refuses what a start must not touch.
      await verifyLog(dir, quiet);
      await reopen(dir);
      return verifyLog(dir, progress);
    },
    dump: (dir) => dumpLog(dir),
    backup: (dir, target, progress) => copyLog(resolve(dir), target, progress, (copy) => verifyLog(copy, quiet)),
    restore: (backup, dir, progress) =>
      copyLog(resolve(backup), dir, progress, async (copy) => {
        await reopen(copy);
        return verifyLog(copy, quiet);
      }),
  };
}
