/** What people do with topics and consumer groups (contracts/operations.ts), over any log. */

import type { TopicStatus } from '../contracts/control.ts';
import { TailraceError } from '../contracts/errors.ts';
import type { Log, TopicInfo } from '../contracts/log.ts';
import type { LogAdmin, TopicAdmin } from '../contracts/log-admin.ts';
import type {
  GroupMembership,
  LogReader,
  Operations,
  TopicDescription,
  TopicReader,
  TopicWriter,
} from '../contracts/operations.ts';
import type { Clock } from '../contracts/plugin.ts';
import { quoted } from '../lib/printable.ts';
import { type BackUp, LogBackup } from './backup.ts';
import { alterTopic, forgetGroups } from './change-topics.ts';
import { groupReader } from './group-offsets.ts';
import { readTopic } from './read-records.ts';
import { type ReaderOptions, type TopicRules, topicOf } from './readable-log.ts';
import { groupSeeker } from './seek.ts';
import { RecordWriter } from './write-records.ts';

export type { ReadableLog, ReaderOptions, TopicRules } from './readable-log.ts';

export interface OperationsOptions {
  readonly log: Log;
  readonly admin: LogAdmin;
  readonly rules: TopicRules;
  readonly clock: Clock;
  /** Null: no Kafka listener runs. */
  readonly membership: GroupMembership | null;
  /** Compacts a topic as far as its settings allow; what is not needed any more is off the disk when it resolves. */
  compact(topic: string): Promise<void>;
  readonly backUp: BackUp;
}

/** Of a log that is only looked at. */
export function createLogReader(options: ReaderOptions): LogReader {
  return { topics: topicReader(options), groups: groupReader(options.log, null) };
}

export function createOperations(options: OperationsOptions): Operations {
  const { log, admin, membership, backUp, clock } = options;
  return {
    topics: topicReader(readerOptions(options)),
    topicWriter: topicWriter(options),
    groups: groupReader(log, membership),
    seeker: groupSeeker({ log, times: admin.times, membership }),
    backups: new LogBackup(backUp, clock),
  };
}

function readerOptions({ log, admin, rules }: OperationsOptions): ReaderOptions {
  return { log, rules, times: admin.times, configOf: (topic) => admin.topics?.describe(topic)?.config };
}

function topicReader(options: ReaderOptions): TopicReader {
  const { log, times } = options;
  return {
    list: () => log.topics.list().map(topicStatus),
    describe: (topic) => description(options, topic),
    read: (request, signal = new AbortController().signal) => readTopic(log, times, request, signal),
  };
}

function topicStatus({ name, settings, partitions }: TopicInfo): TopicStatus {
  return {
    name,
    cleanup: settings.cleanup,
    partitions: partitions.map(({ partition, startOffset, endOffset, sizeBytes }) => ({
      partition,
      startOffset: String(startOffset),
      endOffset: String(endOffset),
      sizeBytes,
    })),
  };
}

function description({ log, configOf, rules }: ReaderOptions, name: string): TopicDescription {
  const info = topicOf(log, name);
  const config = configOf(name) ?? { 'cleanup.policy': info.settings.cleanup };
  return { ...topicStatus(info), settings: rules.settings(config), isOpen: rules.isOpen(name) };
}

function topicWriter(options: OperationsOptions): TopicWriter {
  const { log, admin, rules, clock } = options;
  const records = new RecordWriter(log, clock);
  const check = (topic: string) => {
    topicOf(log, topic);
    if (rules.isOpen(topic)) return;
    throw new TailraceError(
      'topic.reserved',
      `only Tailrace itself writes to ${quoted(topic)}, changes and deletes it`,
      {
        remedy: 'use a topic of your own',
      },
    );
  };
  return {
    async create(topic, { partitions, settings }) {
      checkNew(options, topic, partitions, settings);
      if (admin.topics !== undefined) await admin.topics.create(topic, { partitions, config: settings });
      else await log.topics.ensure(topic, { partitions, cleanup: cleanupOf(settings) });
      return description(readerOptions(options), topic);
    },
    async alter(topic, change) {
      check(topic);
      await alterTopic({ log, admin: topicAdmin(options, 'changes topics'), rules }, topic, change);
      return description(readerOptions(options), topic);
    },
    async delete(topic) {
      check(topic);
      await topicAdmin(options, 'deletes topics').delete(topic);
      await forgetGroups(log, options.membership, topic);
    },
    async write(request) {
      check(request.topic);
      return records.write(request);
    },
    async compact(topic) {
      const before = topicOf(log, topic);
      if (before.settings.cleanup !== 'compact') {
        throw new TailraceError('topic.invalid', `${quoted(topic)} is not compacted: its cleanup.policy is delete`, {
          remedy: 'create a topic with cleanup.policy=compact',
        });
      }
      await options.compact(topic);
      const after = topicOf(log, topic);
      return before.partitions.map(({ partition, sizeBytes }) => ({
        partition,
        bytesBefore: sizeBytes,
        bytesAfter: after.partitions.find((one) => one.partition === partition)?.sizeBytes ?? 0,
      }));
    },
  };
}

/** @param what it is asked for, for the error */
function topicAdmin({ admin }: OperationsOptions, what: string): TopicAdmin {
  if (admin.topics !== undefined) return admin.topics;
  throw new TailraceError('log.not_offered', `this log has nothing that ${what}`, { remedy: 'upgrade Tailrace' });
}

/** Throws `topic.invalid`, `topic.exists`, `topic.reserved`. */
function checkNew(
  { log, admin, rules }: OperationsOptions,
  topic: string,
  partitions: number,
  settings: Readonly<Record<string, string>>,
): void {
  const invalid = (message: string, remedy: string) => new TailraceError('topic.invalid', message, { remedy });
  const named = rules.nameProblem(topic);
  if (named !== null) throw invalid(named, 'choose another name');
  if (log.topics.get(topic) !== undefined) {
    throw new TailraceError('topic.exists', `there is a topic ${quoted(topic)} already`, {
      remedy: 'tailrace topics describe shows it',
    });
  }
  if (!rules.isOpen(topic)) {
    throw new TailraceError('topic.reserved', `topics that are called like ${quoted(topic)} are Tailrace's own`, {
      remedy: 'choose another name: not one that begins with __ or with the name of a source and a dot',
    });
  }
  if (!Number.isSafeInteger(partitions) || partitions < 1 || partitions > rules.maxPartitions) {
    throw invalid(`a topic has 1 to ${rules.maxPartitions} partitions`, 'name a number of partitions in that range');
  }
  for (const [name, value] of Object.entries(settings)) {
    const problem = rules.settingProblem(name, value);
    if (problem !== null) throw invalid(problem, 'docs/reference/commands.md lists the settings of topics');
    const isDefault = rules.settings({}).some((one) => one.name === name && one.value === value);
    if (admin.topics === undefined && name !== 'cleanup.policy' && !isDefault) {
      throw invalid(`${name} cannot be set: this log has one value for all topics`, 'leave it out');
    }
  }
}

function cleanupOf(settings: Readonly<Record<string, string>>): 'compact' | 'delete' {
  return settings['cleanup.policy']?.includes('compact') ? 'compact' : 'delete';
}
