/** Topics changed and deleted by hand, under the rules that Kafka clients are held to. */
import { TailraceError } from '../contracts/errors.ts';
import type { Log } from '../contracts/log.ts';
import type { TopicAdmin } from '../contracts/log-admin.ts';
import type { GroupMembership, TopicChange } from '../contracts/operations.ts';
import { quoted } from '../lib/printable.ts';
import { committedOffsets, groupCheckpoint, isSinkGroup } from './group-offsets.ts';
import { type TopicRules, topicOf } from './readable-log.ts';

/** Name of the writer in the log. */
const WRITER = 'operations-groups';

/** Throws `topic.invalid` for a change that the topic cannot take. */
export async function alterTopic(
  { log, admin, rules }: { readonly log: Log; readonly admin: TopicAdmin; readonly rules: TopicRules },
  topic: string,
  { partitions, settings }: TopicChange,
): Promise<void> {
  const existing = topicOf(log, topic).partitions.length;
  if (partitions !== null && (!Number.isSafeInteger(partitions) || partitions > rules.maxPartitions)) {
    throw invalid(`a topic has at most ${rules.maxPartitions} partitions`, 'name a smaller number');
  }
  if (partitions !== null && partitions < existing) {
    throw invalid(
      `${quoted(topic)} has ${existing} partitions, and partitions cannot be taken away`,
      'create a topic with fewer, and write the records to it',
    );
  }
  for (const [name, value] of Object.entries(settings)) {
    const isKnown = rules.settings({}).some((one) => one.name === name);
    const problem = value !== null || !isKnown ? rules.settingProblem(name, value ?? '') : null;
    if (problem !== null) throw invalid(problem, 'docs/reference/commands.md lists the settings of topics');
  }
  const grows = partitions !== null && partitions > existing;
  if (!grows && Object.keys(settings).length === 0) return;
  await admin.alter(topic, { ...(grows ? { partitions } : {}), config: settings });
}

/** A topic of that name made later is another: outside groups begin anew there. Durable when it resolves. */
export async function forgetGroups(log: Log, membership: GroupMembership | null, topic: string): Promise<void> {
  if (membership !== null) return membership.forgetTopic(topic);
  const gone: string[] = [];
  for (const [group, offsets] of committedOffsets(log)) {
    if (isSinkGroup(group)) continue;
    for (const one of offsets) if (one.topic === topic) gone.push(groupCheckpoint(group, one));
  }
  if (gone.length === 0) return;
  const transaction = log.begin(WRITER, await log.fence(WRITER));
  for (const name of gone) transaction.checkpoint(name, null);
  await transaction.commit();
}

function invalid(message: string, remedy: string): TailraceError {
  return new TailraceError('topic.invalid', message, { remedy });
}
