/** What of the binary log a reading of the source's tables has seen. */
import type { SqlSession } from './connections.ts';
import { type GtidSet, parseGtidSet } from './gtid.ts';
import { quoteTable, type SourceOptions, tableName } from './names.ts';
import { type FilePlace, isBefore } from './position.ts';
import { executedGtids, logEnd, type ServerFacts, statusSql } from './server.ts';
import type { TextConnection } from './text-connection.ts';

const LOOK_MS = 2;
/** For so long other writers of the tables may have to wait behind us for a transaction that holds one. */
const LOCK_SECONDS = 5;
const LOCK_WAIT_TIMEOUT = 1205;
const STATUS_COLUMNS = 5;

export interface Seen {
  /** A place behind all that was seen. */
  readonly until: FilePlace;
  /** Whether a transaction of the stream, by its id there, was surely seen. */
  readonly sees: (transaction: string) => boolean;
}

/** Knows how far the log is seen by whoever reads now: a transaction can be in the log, and streamed, before. */
export class SettledLog {
  readonly #options: SourceOptions;
  readonly #sql: SqlSession;
  /** Of a server without numbers: all before it is seen. */
  place: FilePlace | null = null;

  constructor(options: SourceOptions, sql: SqlSession) {
    this.#options = options;
    this.#sql = sql;
  }

  get sql(): SqlSession {
    return this.#sql;
  }

  sleep(): Promise<void> {
    return this.#options.context.clock.sleep(LOOK_MS);
  }

  /** Until what was in the log before the call is seen. MariaDB tells of each snapshot what it saw: see `beginView`. */
  async wait(connection: TextConnection, facts: ServerFacts, signal: AbortSignal): Promise<void> {
    if (facts.flavor === 'mariadb') return;
    if (facts.gtids) await this.#untilReleased(connection, signal);
    else await this.#untilWritten(facts, signal);
  }

  /** A number belongs to its transaction from before that is in the log until sessions see it. */
  async #untilReleased(connection: TextConnection, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options.context;
    const first = await ownedNumbers(connection);
    const isHeld = async () => {
      const now = new Set(await ownedNumbers(connection));
      return first.some((one) => now.has(one));
    };
    while (first.length > 0 && (await isHeld())) await clock.sleep(LOOK_MS, signal);
  }

  /** Without numbers: a lock waits for all that have written to the tables; it is given back at once. */
  async #untilWritten(facts: ServerFacts, signal: AbortSignal): Promise<void> {
    const { file, pos } = await logEnd(this.#sql, facts);
    const tables = this.#options.tables.map((label) => `${quoteTable(tableName(label))} READ`).join(', ');
    await this.#sql.rows(`SET SESSION lock_wait_timeout = ${LOCK_SECONDS}`);
    while (!(await this.#locked(tables))) signal.throwIfAborted();
    await this.#sql.rows('UNLOCK TABLES');
    this.place = { file, pos };
  }

  /** False when somebody has held one of them for too long. */
  async #locked(tables: string): Promise<boolean> {
    try {
      await this.#sql.rows(`LOCK TABLES ${tables}`);
      return true;
    } catch (error) {
      const { errno } = ((error as Error).cause ?? {}) as { errno?: number };
      if (errno === LOCK_WAIT_TIMEOUT) return false;
      throw error;
    }
  }
}

/** Begins the connection's transaction, in a snapshot. */
export async function beginView(connection: TextConnection, facts: ServerFacts, settled: SettledLog): Promise<Seen> {
  const begin = () => connection.run('START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY');
  if (facts.flavor === 'mariadb') {
    // The numbers first: what has one by then lies before the end.
    const end = await logEnd(settled.sql, facts);
    for (;;) {
      await begin();
      const until = await snapshotPlace(connection);
      if (!isBefore(until, end)) return { until, sees: seesNumbers(parseGtidSet(end.gtid!, true), true) };
      await connection.run('COMMIT');
      await settled.sleep();
    }
  }
  // In the set are only transactions that sessions see.
  const before = facts.gtids ? parseGtidSet(await executedGtids(settled.sql, facts), false) : null;
  const { place } = settled;
  await begin();
  const [status] = await connection.rows(statusSql(facts), STATUS_COLUMNS);
  const until = { file: status![0]!, pos: Number(status![1]) };
  return { until, sees: before === null ? seesPlaces(place) : seesNumbers(before, false) };
}

function seesNumbers(seen: GtidSet, mariadb: boolean): Seen['sees'] {
  return (transaction) => {
    const [, origin, number] = (mariadb ? /^(\d+-\d+)-(\d+)$/ : /^(.+):(\d+)$/).exec(transaction) ?? [];
    return origin !== undefined && seen.has({ origin, number: BigInt(number!) });
  };
}

/** Transactions that are called by where they begin. */
function seesPlaces(place: FilePlace | null): Seen['sees'] {
  return (transaction) => {
    const [, file, pos] = /^(.+):(\d+)$/.exec(transaction) ?? [];
    return file !== undefined && place !== null && isBefore({ file, pos: Number(pos) }, place);
  };
}

/** MariaDB says which place its snapshot stands for. */
async function snapshotPlace(connection: TextConnection): Promise<FilePlace> {
  const rows = await connection.rows("SHOW STATUS LIKE 'binlog_snapshot_%'", 2);
  const values = new Map(rows.map(([name, value]) => [name!.toLowerCase(), value!]));
  return { file: values.get('binlog_snapshot_file') ?? '', pos: Number(values.get('binlog_snapshot_position')) };
}

/** As `uuid:5#12,uuid:tag:6#13`, without the threads that hold them. */
async function ownedNumbers(connection: TextConnection): Promise<readonly string[]> {
  const [[text]] = (await connection.rows('SELECT @@global.gtid_owned', 1)) as [[string]];
  return text.split(',').flatMap((part) => {
    const pieces = part.trim().split(':');
    let origin: string[] = [];
    return pieces.flatMap((piece) => {
      if (piece.includes('#')) return `${origin.join(':')}:${piece.slice(0, piece.indexOf('#'))}`;
      origin = [...origin.slice(0, 1), piece];
      return [];
    });
  });
}
