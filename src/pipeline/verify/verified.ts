/** What the comparison of a sink in the background has found: kept in the log, so that it outlives the process. */
import type { Log } from '../../contracts/log.ts';
import type { VerificationStatus, VerifiedStatus } from '../../contracts/verification.ts';
import { verifiedCheckpoint } from '../checkpoint-names.ts';

/** A complete round. */
export interface Round {
  /** ms since 1970. */
  readonly startedMs: number;
  readonly endedMs: number;
  /** Rows read, of source and target. */
  readonly rows: number;
  readonly differing: number;
  readonly unsettled: number;
}

export interface Verified {
  readonly last: Round | null;
  /** When the round under way began, ms since 1970; null: none is. */
  readonly roundMs: number | null;
  readonly problem: VerificationStatus['problem'];
}

export const NEVER_VERIFIED: Verified = { last: null, roundMs: null, problem: null };

export function readVerified(log: Pick<Log, 'checkpoints'>, pipeline: string, sink: string): Verified {
  const text = log.checkpoints.get(verifiedCheckpoint(pipeline, sink));
  if (text === undefined) return NEVER_VERIFIED;
  const { v, ...verified } = JSON.parse(text) as Verified & { v: number };
  // Of another version: a new round tells.
  return v === 1 ? verified : NEVER_VERIFIED;
}

export const verifiedText = (verified: Verified): string => JSON.stringify({ v: 1, ...verified });

export function verifiedStatus(log: Pick<Log, 'checkpoints'>, pipeline: string, sink: string): VerifiedStatus {
  const { last, roundMs, problem } = readVerified(log, pipeline, sink);
  if (last === null) return { percent: null, sinceMs: null, differing: 0, unsettled: 0, roundMs, problem };
  const { startedMs: sinceMs, differing, unsettled } = last;
  return { percent: percentOf(last), sinceMs, differing, unsettled, roundMs, problem };
}

/** 100 only when all were equal. Most rows are read twice, at the source and at the target: a share of half of the reads. */
export function percentOf({ rows, differing, unsettled }: Pick<Round, 'rows' | 'differing' | 'unsettled'>): number {
  const unequal = differing + unsettled;
  const all = Math.max(Math.ceil(rows / 2), unequal);
  return unequal === 0 ? 100 : Math.floor(((all - unequal) * 10_000) / all) / 100;
}
