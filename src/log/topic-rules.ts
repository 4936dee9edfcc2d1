/** What a topic's configuration says about its segments. Names and defaults: https://kafka.apache.org/documentation/#topicconfigs */
import type { TopicConfig } from '../contracts/log-admin.ts';

export interface TopicRules {
  /** Old segments go. */
  readonly deletes: boolean;
  /** Only the last record of each key stays. */
  readonly compacts: boolean;
  /** Infinity: no limit. */
  readonly retentionMs: number;
  /** Of a partition; Infinity: no limit. */
  readonly retentionBytes: number;
  readonly segmentBytes: number;
  readonly segmentMs: number;
  /** How long tombstones stay after a compaction has first seen them. */
  readonly deleteRetentionMs: number;
  readonly minCompactionLagMs: number;
  readonly maxCompactionLagMs: number;
  /** Part of the closed segments that must be uncompacted before compaction starts. */
  readonly minDirtyRatio: number;
}

const DAY_MS = 86_400_000;
const CLEANUP_POLICY = 'cleanup.policy';
/**
 * A topic whose configuration names no policy is one of Tailrace's own: all changes of seven days, then the last of each key
 * (DESIGN § 6).
 */
const HISTORY_MS = 7 * DAY_MS;

/** @param cleanup of a topic whose configuration does not say  @param segmentBytes where none is configured */
export function rulesOf(cleanup: string, config: TopicConfig, segmentBytes: number): TopicRules {
  const policies = (config[CLEANUP_POLICY] ?? cleanup).split(',').map((policy) => policy.trim());
  const number = (name: string, byDefault: number) => {
    const value = Number(config[name] ?? byDefault);
    return Number.isNaN(value) ? byDefault : value;
  };
  const limit = (name: string, byDefault: number) => {
    const value = number(name, byDefault);
    return value < 0 ? Number.POSITIVE_INFINITY : value;
  };
  return {
    deletes: policies.includes('delete'),
    compacts: policies.includes('compact'),
    retentionMs: limit('retention.ms', 7 * DAY_MS),
    retentionBytes: limit('retention.bytes', -1),
    segmentBytes: number('segment.bytes', segmentBytes),
    segmentMs: number('segment.ms', 7 * DAY_MS),
    deleteRetentionMs: number('delete.retention.ms', DAY_MS),
    minCompactionLagMs: number('min.compaction.lag.ms', config[CLEANUP_POLICY] === undefined ? HISTORY_MS : 0),
    maxCompactionLagMs: number('max.compaction.lag.ms', Number.POSITIVE_INFINITY),
    minDirtyRatio: number('min.cleanable.dirty.ratio', 0.5),
  };
}
