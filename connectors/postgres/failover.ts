/**
 * Slots that a standby has as well (PostgreSQL 17 and later), so that the stream goes on there after a failover. The standby
 * is ready when its copy of the slot is synchronised, is not temporary and was not invalidated, and when it cannot be behind
 * what was read here (manual, 47.2.3 Replication Slot Synchronization).
 */
import { TailraceError } from '../../src/sdk/index.ts';
import { SqlSession } from './connections.ts';
import { quoteLiteral, quoteName, type SourceOptions, slotOf } from './names.ts';

/** The first version whose slots can fail over. */
const FAILOVER_VERSION = 170_000;

export interface Lack {
  readonly message: string;
  readonly remedy: string;
}

/** Why `failover: true` cannot be had of a server of this version; null when it can, or is not wanted. */
export function failoverProblem({ config }: SourceOptions, version: number): Lack | null {
  if (!config.failover || version >= FAILOVER_VERSION) return null;
  const message = '`failover: true` needs PostgreSQL 17: slots of this server are lost with it';
  return { message, remedy: 'upgrade the server, or take `failover` out of the source' };
}

/** Throws `source.not_ready` for what `failoverProblem` says. */
export function refuseFailover(options: SourceOptions, version: number): void {
  const problem = failoverProblem(options, version);
  if (problem !== null) throw new TailraceError('source.not_ready', problem.message, { remedy: problem.remedy });
}

/** A replication command; nobody may be reading the slot. */
export const makeFailover = (slot: string): string => `ALTER_REPLICATION_SLOT ${quoteName(slot)} (FAILOVER true)`;

interface PrimarySlot {
  readonly failover: boolean;
  /** Names of physical slots that are waited for. */
  readonly waits: string | null;
}

interface StandbySlot {
  readonly synced: boolean;
  readonly temporary: boolean;
  readonly reason: string | null;
}

/** Looks whether the slot would be there after a failover. */
export class FailoverWatch {
  readonly #options: SourceOptions;
  readonly #primary: SqlSession;
  readonly #standby: SqlSession | null;

  constructor(options: SourceOptions, primary: SqlSession) {
    const { standby_url: url } = options.config;
    this.#options = options;
    this.#primary = primary;
    this.#standby = url === undefined ? null : new SqlSession({ ...options, config: { ...options.config, url } });
  }

  /** What is lacking; null when nothing is, or `failover` is not wanted. Throws what `SqlSession` throws of the primary. */
  async look(): Promise<Lack | null> {
    if (!this.#options.config.failover) return null;
    const lack = (await this.#onPrimary()) ?? (await this.#onStandby());
    if (lack === null) return null;
    const { message, remedy } = lack;
    return { message: `the replication slot ${slotOf(this.#options)} is not failover-ready: ${message}`, remedy };
  }

  async close(): Promise<void> {
    await this.#standby?.close();
  }

  async #onPrimary(): Promise<Lack | null> {
    const slot = slotOf(this.#options);
    const [found] = await this.#primary.rows<PrimarySlot>(
      `SELECT coalesce((to_jsonb(s) ->> 'failover')::bool, false) AS failover,
         nullif(current_setting('synchronized_standby_slots', true), '') AS waits
       FROM pg_replication_slots s WHERE slot_name = $1`,
      [slot],
    );
    // That it is gone is the stream's to tell.
    if (found === undefined) return null;
    if (!found.failover) return { message: 'it was made without', remedy: 'start the source again' };
    if (found.waits !== null) return null;
    return {
      message: 'the server waits for no standby: one that takes over may lack what was already read here',
      remedy: `ALTER SYSTEM SET synchronized_standby_slots = '<physical slot of the standby>'; SELECT pg_reload_conf();`,
    };
  }

  async #onStandby(): Promise<Lack | null> {
    if (this.#standby === null) {
      return {
        message: 'no standby is named',
        remedy: 'set `standby_url` on the source, so that its copy is looked at',
      };
    }
    const slot = slotOf(this.#options);
    const found = await this.#standby
      .rows<StandbySlot>(
        `SELECT synced, temporary, invalidation_reason AS reason FROM pg_replication_slots WHERE slot_name = $1`,
        [slot],
      )
      .catch((error: unknown) => (error as TailraceError).code);
    if (!Array.isArray(found)) {
      return {
        message: `the standby does not answer (${found})`,
        remedy: 'look after the standby, or mend `standby_url`',
      };
    }
    return lackOf(found[0], slot);
  }
}

function lackOf(copy: StandbySlot | undefined, slot: string): Lack | null {
  const sync =
    'on the standby: hot_standby_feedback = on, primary_slot_name, dbname in primary_conninfo, sync_replication_slots = on';
  const drop = `on the standby: SELECT pg_drop_replication_slot(${quoteLiteral(slot).trim()});`;
  if (copy === undefined) return { message: 'the standby has no copy of it', remedy: sync };
  if (!copy.synced) return { message: 'the standby has a slot of its own of that name', remedy: drop };
  if (copy.reason !== null) {
    return {
      message: `the copy on the standby was invalidated (${copy.reason})`,
      remedy: `${drop} it is copied again`,
    };
  }
  if (!copy.temporary) return null;
  return { message: 'the copy on the standby has not caught up yet', remedy: `wait; if it stays so, ${sync}` };
}
