/** The sink: each batch in a few atomic calls, positions after it in `flush`. */
import type {
  ConnectorContext,
  OpenSink,
  Rejection,
  Sink,
  SinkBatch,
  SinkOpenOptions,
  SinkPositions,
  SinkRecord,
} from '../../src/sdk/index.ts';
import { mergePositions, startOf } from '../../src/sdk/target/positions.ts';
import { SinkSession } from '../../src/sdk/target/sink-session.ts';
import { RefusedRows, stepsOf } from '../../src/sdk/target/steps.ts';
import { applyStep, type Counts } from './apply-step.ts';
import type { RedisConfig } from './config.ts';
import { type Group, groupsOn, resumeOf } from './groups.ts';
import { APPLY_HASH, SWEEP_HASH } from './hash-script.ts';
import { invalidate, invalidateAll } from './invalidation.ts';
import { APPLY_MEMBER, SWEEP_MEMBER } from './member-script.ts';
import { APPEND, REMOVE } from './plain-scripts.ts';
import type { Session } from './row-calls.ts';
import { FENCE, RAISE, SAVE } from './scripts.ts';
import { openServers, type Servers } from './servers.ts';
import { appendEntries } from './stream-entries.ts';
import { sweep } from './sweep.ts';
import { TargetTables } from './tables.ts';
import { APPLY_VALUE, SWEEP_VALUE } from './value-script.ts';

const SCRIPTS = [
  FENCE,
  SAVE,
  RAISE,
  APPLY_HASH,
  APPLY_VALUE,
  APPLY_MEMBER,
  APPEND,
  REMOVE,
  SWEEP_HASH,
  SWEEP_VALUE,
  SWEEP_MEMBER,
];

export async function openRedis(options: SinkOpenOptions<RedisConfig>): Promise<OpenSink> {
  const { config, id, context } = options;
  const servers = await openServers(config, id, context);
  try {
    await Promise.all(servers.all.flatMap((connection) => SCRIPTS.map((script) => connection.load(script))));
    const groups = groupsOn(servers, options);
    const resume = await resumeOf(groups);
    return { sink: new RedisSink({ servers, groups, config, context }), resume };
  } catch (error) {
    servers.close();
    throw error;
  }
}

interface Parts {
  readonly servers: Servers;
  readonly groups: readonly Group[];
  readonly config: RedisConfig;
  readonly context: ConnectorContext;
}

class RedisSink implements Sink {
  readonly #parts: Parts;
  readonly #session = new SinkSession();
  readonly #tables: TargetTables;
  #next: SinkPositions | null = null;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#tables = new TargetTables(parts.config);
  }

  write(batch: SinkBatch, signal: AbortSignal): Promise<readonly Rejection[]> {
    return this.#session.run(async () => {
      const { groups, config } = this.#parts;
      if (batch.records.length === 0 && !groups.some(({ offsets }) => offsets.moved(batch.next))) return [];
      const start = startOf(batch.records);
      await Promise.all(groups.map(({ offsets }) => offsets.begin(batch.epoch, start, signal)));
      const session = { groups, ttl: Math.round((config.ttl ?? 0) / 1_000), signal };
      const refused = new RefusedRows();
      if (config.as === 'stream')
        await appendEntries(session, this.#tables, batch.records, config.max_length ?? null, refused);
      else await this.#applySteps(session, batch.records, refused);
      this.#next = mergePositions(this.#next, batch.next);
      return refused.rejections;
    });
  }

  flush(signal: AbortSignal): Promise<void> {
    return this.#session.run(async () => {
      this.#parts.context.failpoint('sink.before-flush');
      const next = this.#next;
      if (next === null) return;
      await Promise.all(this.#parts.groups.map(({ offsets }) => offsets.save(next, signal)));
      this.#next = null;
    });
  }

  async close(): Promise<void> {
    this.#session.end();
    this.#parts.servers.close();
  }

  async #applySteps(session: Session, records: readonly SinkRecord[], refused: RefusedRows): Promise<void> {
    const { as } = this.#parts.config;
    for (const step of stepsOf(records)) {
      session.signal.throwIfAborted();
      const table = this.#tables.of(step.table);
      if (as === 'invalidate') {
        if (step.kind === 'sweep') await invalidateAll(session, table);
        else await invalidate(session, table, step.records, refused);
      } else if (step.kind === 'sweep') {
        await sweep(session, table, as, { below: step.below, spared: refused.sparedBy(step.change) });
      } else this.#report(table.name, await applyStep(session, table, as, step.records, refused));
    }
  }

  #report(table: string, { stale, incomplete }: Counts): void {
    const { log } = this.#parts.context;
    if (stale > 0) log('debug', 'changes left out: the target holds newer ones', { table, rows: stale });
    if (incomplete > 0)
      log('warn', 'rows written without columns that the source did not send', { table, rows: incomplete });
  }
}
