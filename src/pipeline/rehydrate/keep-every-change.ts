import type { Envelope } from '../../contracts/envelope.ts';
import type { Log } from '../../contracts/log.ts';
import type { TopicAdmin } from '../../contracts/log-admin.ts';
import type { SourcePlan } from '../../contracts/plan.ts';
import type { Logger } from '../../contracts/plugin.ts';
import type { TableDescription } from '../../contracts/schema.ts';

interface Options {
  readonly plan: Pick<SourcePlan, 'name'>;
  readonly envelope: Envelope;
  readonly log: Log;
  readonly topicAdmin?: TopicAdmin;
  readonly context: { readonly log: Logger };
}

/**
 * Compaction leaves the last record of a key, and where updates come without columns that is no whole row: topics of such tables
 * are not compacted. They stay so when the source fills them in again, for the partial rows are there.
 */
export async function keepEveryChange(
  { plan, envelope, log, topicAdmin, context }: Options,
  tables: readonly TableDescription[],
): Promise<void> {
  for (const { schema, table, columns } of tables) {
    if (columns.every(({ unsent }) => unsent === undefined)) continue;
    const topic = envelope.topicOf(plan.name, schema, table);
    const { settings } = await log.topics.ensure(topic, { partitions: 1, cleanup: 'delete' });
    if (topicAdmin === undefined || settings.cleanup !== 'compact') continue;
    await topicAdmin.alter(topic, { config: { 'cleanup.policy': 'delete' } });
    context.log('warn', 'the topic is not compacted any more: updates come without columns', { topic });
  }
}
