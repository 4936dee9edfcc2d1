/** Waits for an instance to be at work: for scripts that start one and go on when it is. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { InstanceStatus, TaskState } from '../contracts/control.ts';
import { TailraceError } from '../contracts/errors.ts';

const PERIOD_MS = 200;
/** At work, or resting because somebody wants it so. */
const HEALTHY: readonly TaskState[] = ['snapshot', 'streaming', 'running', 'paused'];

export function isHealthy({ isRunning, states }: { isRunning: boolean; states: readonly TaskState[] }): boolean {
  return isRunning && states.every((state) => HEALTHY.includes(state));
}

/**
 * The last look: a healthy one, or what there was when the time was over. An instance that has not started yet is waited for.
 * @param look throws while there is none
 * @param timeoutMs from now on
 */
export async function untilHealthy(look: () => Promise<InstanceStatus>, timeoutMs: number): Promise<InstanceStatus> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const isLast = performance.now() >= end;
    try {
      const found = await look();
      if (isLast || isHealthy(healthOf(found))) return found;
    } catch (error) {
      if (isLast || !(error instanceof TailraceError) || error.code === 'config.invalid') throw error;
    }
    await sleep(PERIOD_MS);
  }
}

export function healthOf({ running, pipelines }: InstanceStatus) {
  const states = pipelines.flatMap(({ sources, stage, sinks }) =>
    [...sources, ...(stage ? [stage] : []), ...sinks].map(({ state }) => state),
  );
  return { isRunning: running, states };
}
