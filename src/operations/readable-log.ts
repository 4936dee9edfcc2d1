/** What operations ask of a log and of the broker's rules. */

import { TailraceError } from '../contracts/errors.ts';
import type { Checkpoints, Log, TopicInfo, Topics } from '../contracts/log.ts';
import type { TimeIndex, TopicConfig } from '../contracts/log-admin.ts';
import { didYouMean } from '../lib/did-you-mean.ts';
import { quoted } from '../lib/printable.ts';

/** A log, or the data directory of a stopped instance. */
export interface ReadableLog {
  readonly topics: Pick<Topics, 'get' | 'list'>;
  readonly checkpoints: Checkpoints;
  read: Log['read'];
  /** Absent: nothing is written to it. */
  waitFor?: Log['waitFor'];
}

/** What outside clients of the log may do, and how topics are configured: the same rules for everybody. */
export interface TopicRules {
  /** False: only Tailrace itself writes to it, changes and deletes it. */
  isOpen(topic: string): boolean;
  readonly maxPartitions: number;
  /** Why a topic cannot be called so; null: it can. */
  nameProblem(name: string): string | null;
  /** What is wrong with a setting; null: nothing. */
  settingProblem(name: string, value: string): string | null;
  /** Every setting with its value, given what differs from the default. */
  settings(
    config: TopicConfig,
  ): readonly { readonly name: string; readonly value: string; readonly isDefault: boolean }[];
}

export interface ReaderOptions {
  readonly log: ReadableLog;
  readonly times: TimeIndex | undefined;
  /** What differs from the default in the configuration of a topic; undefined when that is not known. */
  configOf(topic: string): TopicConfig | undefined;
  readonly rules: TopicRules;
}

/** Throws `log.no_such_topic`, with the nearest name. */
export function topicOf(log: ReadableLog, name: string): TopicInfo {
  const found = log.topics.get(name);
  if (found !== undefined) return found;
  const names = log.topics.list().map((topic) => topic.name);
  throw new TailraceError('log.no_such_topic', `there is no topic ${quoted(name)}`, {
    remedy: didYouMean(name, names) ?? 'tailrace topics ls lists them',
  });
}
