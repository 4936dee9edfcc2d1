/** A figure that is held against a goal instead of against a peer, as a child process tells of it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../../src/lib/clock.ts';
import { type EmbeddedLog, type OpenLogOptions, openLog } from '../../../src/log/embedded-log.ts';

export interface Figure {
  readonly what: string;
  readonly measured: string;
  readonly goal: string;
  readonly met: boolean;
  /** What this machine could do at most, or what it is compared with, measured in the same run. */
  readonly beside: string;
}

export type Goal = (dir: string) => Promise<readonly Figure[]>;

/** The log as the product opens it. */
export function openAt(dir: string, options: Partial<OpenLogOptions> = {}): Promise<EmbeddedLog> {
  return openLog({ dir, clock: systemClock, random: Math.random, log: () => {}, ...options });
}

/** Runs in a directory of its own, which goes afterwards. */
export async function inDirectory<T>(run: (dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'tailrace-bench-'));
  try {
    return await run(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** @param part of 1, such as 0.99 */
export function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!;
}

export const ms = (value: number): string => `${value.toFixed(2)} ms`;

/** Resolves after the time, by the clock of the machine. */
export const pause = (milliseconds: number): Promise<void> => new Promise((wake) => setTimeout(wake, milliseconds));
