import { join } from 'node:path';
import type { Envelope } from '../../contracts/envelope.ts';
import type { Log } from '../../contracts/log.ts';
import type { SourcePlan } from '../../contracts/plan.ts';
import type { ConnectorContext } from '../../contracts/plugin.ts';
import type { TableDescription } from '../../contracts/schema.ts';
import { removeDerived } from '../derived-database.ts';
import { Rehydration, type UnbrokenSince, type UnsentRules } from './rehydration.ts';

export interface OpenRehydrationOptions {
  readonly plan: SourcePlan;
  readonly log: Log;
  readonly envelope: Envelope;
  readonly context: ConnectorContext;
  readonly dataDir: string;
  readonly cacheBytes: number;
  readonly tables: readonly TableDescription[];
  readonly since: UnbrokenSince;
  readonly wanted: Map<string, UnsentRules>;
}

/** Null when the source's updates are taken as they are: then nothing of its rows stays beside the log either. */
export async function openRehydration(
  { plan, dataDir, context, ...options }: OpenRehydrationOptions,
  signal: AbortSignal,
): Promise<Rehydration | null> {
  const path = join(dataDir, 'columns', `${encodeURIComponent(plan.name)}.db`);
  if (plan.manifest.rehydrates?.(plan.config) !== true) {
    removeDerived(path);
    return null;
  }
  const { clock, log: logger, failpoint } = context;
  return Rehydration.open({ ...options, path, source: plan.name, clock, logger, failpoint }, signal);
}

/** Of a source that is read from its beginning: what the topics have until now says nothing of its rows. */
export function unbrokenFromNow(log: Log, topics: ReadonlySet<string>): UnbrokenSince {
  const ends = [...topics].map((topic) => [topic, log.topics.get(topic)?.partitions[0]?.endOffset ?? 0n] as const);
  return Object.fromEntries(ends.flatMap(([topic, end]) => (end > 0n ? [[topic, String(end)]] : [])));
}
