import type { Envelope } from '../../contracts/envelope.ts';
import { TailraceError } from '../../contracts/errors.ts';
import type { Log } from '../../contracts/log.ts';
import type { PipelinePlan } from '../../contracts/plan.ts';
import type { Rules } from '../../contracts/rules.ts';
import { namesTable, stagedSteps } from './stage-plan.ts';

export interface HistoryOptions {
  readonly pipeline: PipelinePlan;
  readonly log: Log;
  readonly envelope: Envelope;
  readonly rules: Rules;
}

/**
 * Invariant 5: of a table whose older rows are gone from the log nothing can be looked up, and NULL would be wrong.
 * @param cover topics that the store has followed from their beginning
 * @throws `log.compacted`
 */
export function judgeHistory(
  { pipeline, log, envelope, rules }: HistoryOptions,
  cover: Readonly<Record<string, string>>,
): void {
  const steps = stagedSteps(pipeline).flatMap((source) => rules.stateful?.(source) ?? []);
  const names = steps.flatMap((step) => (step.kind === 'lookup' ? [step.from] : []));
  for (const { name: source, tables } of pipeline.sources) {
    for (const full of tables) {
      const dot = full.indexOf('.');
      const table = { source, schema: full.slice(0, dot), table: full.slice(dot + 1) };
      if (!names.some((name) => namesTable(name, table))) continue;
      const topic = envelope.topicOf(source, table.schema, table.table);
      const info = log.topics.get(topic);
      const isWhole = info?.settings.cleanup !== 'delete' || info.partitions[0]?.startOffset === 0n;
      if (isWhole || cover[topic] !== undefined) continue;
      throw new TailraceError(
        'log.compacted',
        `${topic} no longer holds all rows of its table: nothing can be looked up`,
        {
          remedy: 'have the source fill in what updates leave out (toast: store), so that its topics are compacted',
        },
      );
    }
  }
}
