/** What the server keeps of its write-ahead log for the slot, and how long it will (fault matrix: slots that are given up). */
import type { Clock, Logger, RetentionStatus, SourceWarning } from '../../src/sdk/index.ts';
import type { SqlSession } from './connections.ts';
import type { FailoverWatch } from './failover.ts';

/** Growth is taken over this time: the slot's own place moves in steps. */
const WINDOW_MS = 60_000;
const SOON_SECONDS = 4 * 3_600;
/** Kept behind what was acknowledged: an old transaction holds it, not we. */
const HELD_BACK_BYTES = 1 << 30;

interface Facts {
  readonly retained: number;
  readonly held: number;
  readonly safe: number | null;
  readonly status: string | null;
  readonly limit: string;
  readonly oldest: { readonly pid: number; readonly since: string } | null;
}

/** `safe_wal_size` is null without `max_slot_wal_keep_size`. What is held lies below what was acknowledged. */
const FACTS_SQL = `
  SELECT pg_wal_lsn_diff(now.lsn, s.restart_lsn)::float8 AS retained,
    pg_wal_lsn_diff(s.confirmed_flush_lsn, s.restart_lsn)::float8 AS held,
    s.safe_wal_size::float8 AS safe, s.wal_status AS status, current_setting('max_slot_wal_keep_size') AS limit,
    (SELECT json_build_object('pid', a.pid, 'since', a.xact_start) FROM pg_stat_activity a
     WHERE a.backend_xid IS NOT NULL AND a.xact_start IS NOT NULL ORDER BY a.xact_start LIMIT 1) AS oldest
  FROM pg_replication_slots s, (SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
    ELSE pg_current_wal_insert_lsn() END AS lsn) AS now
  WHERE s.slot_name = $1 AND s.restart_lsn IS NOT NULL`;

export interface WalGovernorOptions {
  readonly sql: SqlSession;
  readonly slot: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** What else may be lacking, each time that the server is asked. */
  readonly failover?: FailoverWatch;
}

export class WalGovernor {
  readonly #options: WalGovernorOptions;
  readonly #samples: { readonly at: number; readonly retained: number }[] = [];
  #retention: RetentionStatus | null = null;
  #warnings: ReadonlyMap<string, SourceWarning> = new Map();

  constructor(options: WalGovernorOptions) {
    this.#options = options;
  }

  get retention(): RetentionStatus | null {
    return this.#retention;
  }

  get warnings(): readonly SourceWarning[] {
    return [...this.#warnings.values()];
  }

  /** Asks the server. Throws what `SqlSession` throws. */
  async look(): Promise<void> {
    const { sql, slot } = this.#options;
    const [facts] = await sql.rows<Facts>(FACTS_SQL, [slot]);
    // A slot that is gone or lost is told of by the stream.
    if (facts === undefined || facts.status === 'lost') return;
    const growth = this.#growth(facts.retained);
    const secondsUntilLost = facts.safe === null || growth <= 0 ? null : Math.max(0, facts.safe) / growth;
    this.#retention = { retainedBytes: facts.retained, safeBytes: facts.safe, secondsUntilLost };
    const lack = await this.#options.failover?.look();
    const found = warningsOf(facts, secondsUntilLost, slot);
    this.#tell(lack == null ? found : [...found, { kind: 'failover', ...lack }]);
  }

  /** Bytes a second; 0 at first. */
  #growth(retained: number): number {
    const at = this.#options.clock.monotonic();
    const samples = this.#samples;
    while (samples.length > 1 && samples[1]!.at <= at - WINDOW_MS) samples.shift();
    samples.push({ at, retained });
    const [first] = samples;
    return at === first!.at ? 0 : ((retained - first!.retained) / (at - first!.at)) * 1_000;
  }

  /** Each is logged when it begins and when it is over. */
  #tell(found: readonly Found[]): void {
    const { log, clock, slot } = this.#options;
    const former = this.#warnings;
    this.#warnings = new Map(
      found.map(({ kind, message, remedy }) => [
        kind,
        { message, remedy, since: former.get(kind)?.since ?? clock.now() },
      ]),
    );
    for (const [kind, { message, remedy }] of this.#warnings) {
      if (!former.has(kind)) log('warn', message, { slot, remedy });
    }
    for (const [kind, { message }] of former) if (!this.#warnings.has(kind)) log('info', `over: ${message}`, { slot });
  }
}

interface Found {
  readonly kind: string;
  readonly message: string;
  readonly remedy: string;
}

function warningsOf(facts: Facts, secondsUntilLost: number | null, slot: string): readonly Found[] {
  const { status, safe, limit, held, oldest } = facts;
  const found: Found[] = [];
  const raise = `make the log or the disk faster, stop the load, or raise max_slot_wal_keep_size (${limit} now)`;
  if (status === 'unreserved' || (safe !== null && safe <= 0)) {
    const message = `the replication slot ${slot} is over max_slot_wal_keep_size: the server may give it up at its next checkpoint`;
    found.push({ kind: 'unreserved', message, remedy: raise });
  } else if (secondsUntilLost !== null && secondsUntilLost < SOON_SECONDS) {
    const message = `at the present rate the replication slot ${slot} is lost in less than ${wait(secondsUntilLost)}`;
    found.push({ kind: 'soon', message, remedy: raise });
  }
  if (held >= HELD_BACK_BYTES && oldest !== null) {
    found.push({
      kind: 'held',
      message: `a transaction that runs since ${oldest.since} keeps ${Math.round(held / (1 << 20))} MiB of the write-ahead log of the slot ${slot}`,
      remedy: `end it, or: SELECT pg_terminate_backend(${oldest.pid});`,
    });
  }
  return found;
}

/** Coarse, so that the message stays the same for a while. */
function wait(seconds: number): string {
  if (seconds < 600) return '10 minutes';
  return seconds < 3_600 ? 'an hour' : '4 hours';
}
