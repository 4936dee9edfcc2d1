/** Topics that a source turns out to need while it is read. */
import type { NewTopic } from '../contracts/envelope.ts';
import { TailraceError } from '../contracts/errors.ts';
import type { Log } from '../contracts/log.ts';

/** Creates the topic if need be. @param tables topics of the tables that are captured */
export async function ensureTopic(
  log: Pick<Log, 'topics'>,
  { name, service, messages }: NewTopic,
  tables: ReadonlySet<string>,
): Promise<void> {
  if (messages === true) {
    if (tables.has(name) || log.topics.get(name)?.settings.cleanup === 'compact') throw isCompacted(name);
    await log.topics.ensure(name, { partitions: 1, cleanup: 'delete' });
    return;
  }
  if (!service && !tables.has(name)) {
    // Invariant 5: a renamed table would go to a topic that no sink reads.
    throw new TailraceError('source.gap', `changes arrived for topic ${name}, which no configured table has`, {
      remedy: 'a captured table was renamed: put its new name under tables:, then start again with on_gap: resnapshot',
    });
  }
  await log.topics.ensure(name, { partitions: 1, cleanup: 'compact' });
}

/** Compaction would leave one message of each key. */
function isCompacted(name: string): TailraceError {
  return new TailraceError(
    'config.invalid',
    `messages would go to topic ${name}, which is that of a table or is compacted`,
    {
      remedy: `let them name another topic; if it is theirs: tailrace topics alter ${name} cleanup.policy=delete`,
    },
  );
}
