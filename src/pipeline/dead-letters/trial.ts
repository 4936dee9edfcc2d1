/** What a retry would do with today's configuration: through the rules, and where the target can be asked, to the target. */
import type { Envelope, SchemaStore } from '../../contracts/envelope.ts';
import { classOf, type TailraceError } from '../../contracts/errors.ts';
import type { Log } from '../../contracts/log.ts';
import type { SinkPlan } from '../../contracts/plan.ts';
import type { ConnectorContext } from '../../contracts/plugin.ts';
import type { SinkRecord } from '../../contracts/sink.ts';
import type { CompiledSteps } from '../compiled-steps.ts';
import { bytesIn, type Entry } from './entry.ts';

const TRIAL_BYTES = 4 << 20;
/** Records tried in one transaction of the target. */
const TRIAL_RECORDS = 1_000;

export interface TrialOptions {
  readonly log: Log;
  readonly envelope: Envelope;
  readonly schemas: SchemaStore;
  readonly context: ConnectorContext;
  readonly pipeline: string;
  readonly plan: SinkPlan;
  readonly rules: CompiledSteps;
}

/** Letter → why it would be refused again. */
export type Refusals = Map<string, TailraceError>;

/** @param entries with their bytes, in the order in which they would be sent. At most 1,000 are tried at a time. */
export async function tryOut(options: TrialOptions, entries: ReadonlyMap<string, Entry>): Promise<Refusals> {
  const refused: Refusals = new Map();
  const records: SinkRecord[] = [];
  const owners = new Map<bigint, string>();
  for (const [id, entry] of entries) {
    try {
      const place = BigInt(owners.size);
      owners.set(place, id);
      records.push(...outputsOf(options, entry, place));
    } catch (error) {
      if (classOf(error) !== 'poison' && classOf(error) !== 'gap') throw error;
      refused.set(id, error as TailraceError);
    }
  }
  if (options.plan.manifest.triesOut !== true) return refused;
  for (let i = 0; i < records.length; i += TRIAL_RECORDS) {
    for (const { record, error } of await rejections(options, records.slice(i, i + TRIAL_RECORDS))) {
      refused.set(owners.get(record.offset)!, error);
    }
  }
  return refused;
}

function outputsOf({ envelope, schemas, rules }: TrialOptions, entry: Entry, offset: bigint): SinkRecord[] {
  const change = envelope.decode({ offset, timestamp: entry.timestamp, ...bytesIn(entry) }, schemas);
  if (change === null) return [];
  const { topic, partition } = entry;
  return rules.apply(change).map((output) => ({ topic, partition, offset, change: output }));
}

/** In a session of its own, under another name, that is closed without a flush. */
async function rejections({ plan, pipeline, log, context }: TrialOptions, records: readonly SinkRecord[]) {
  const { sink } = await plan.manifest.open({
    config: plan.config,
    id: `${pipeline}.${plan.name}~trial`,
    pipeline,
    generation: 0,
    lineage: log.lineage,
    maxBytes: TRIAL_BYTES,
    context: { ...context, failpoint: () => {} },
  });
  try {
    return await sink.write({ records, next: [], epoch: 0 }, AbortSignal.timeout(60_000));
  } finally {
    await sink.close();
  }
}
