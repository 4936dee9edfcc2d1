/** What a stage saves in each commit of the log, beside its records. Part of the on-disk format. */
import { createHash } from 'node:crypto';
import type { OpenSnapshots } from '../../contracts/envelope.ts';
import type { Log } from '../../contracts/log.ts';
import type { StepSource } from '../../contracts/rules.ts';
import type { SinkPositions } from '../../contracts/sink.ts';
import { stageCheckpoint } from '../checkpoint-names.ts';
import type { RefreshPlace } from './chain.ts';

export interface StageState {
  readonly v: 1;
  /** Of the steps that made what was sent. */
  readonly steps: string;
  /** Next offset to read by topic, decimal. */
  readonly positions: Readonly<Record<string, string>>;
  /** By source: its last version, and the snapshots that began and did not end yet. */
  readonly sources: Readonly<Record<string, { readonly version: string; readonly snapshots: OpenSnapshots }>>;
  /** What was kept is being sent again; null: it is not. */
  readonly refresh: RefreshPlace | null;
}

export function readStage({ checkpoints }: Pick<Log, 'checkpoints'>, pipeline: string): StageState | null {
  const saved = checkpoints.get(stageCheckpoint(pipeline));
  return saved === undefined ? null : (JSON.parse(saved) as StageState);
}

/** Places in the file are no part of it. */
export function stepsHash(steps: readonly StepSource[]): string {
  const text = JSON.stringify(steps.map(({ verb, config }) => [verb, config]));
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

export const positionsOf = (positions: SinkPositions): StageState['positions'] =>
  Object.fromEntries(positions.map(({ topic, next }) => [topic, String(next)]));
