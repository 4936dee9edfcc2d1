/**
 * How long the server keeps the binary log that follows our position. It removes whole files, each when its last change is older
 * than the retention: the file of the position is needed longest.
 */
import type { Clock, RetentionStatus, SourceWarning } from '../../src/sdk/index.ts';
import type { SqlSession } from './connections.ts';
import { fileBegun } from './log-files.ts';
import type { MysqlPosition } from './position.ts';
import { logFiles, type ServerFacts, serverFacts } from './server.ts';
import { retentionSeconds } from './server-check.ts';

const HOUR_SECONDS = 3_600;
/** Warned below this, or below a tenth of the retention where that is shorter. */
const SOON_SECONDS = 6 * HOUR_SECONDS;
/** Asks for a file without being taken for a replica: the server ends no other reader for it. */
const NO_REPLICA = { id: 0, uuid: '' };

export interface PurgeWatchOptions {
  readonly url: string;
  readonly sql: SqlSession;
  readonly clock: Clock;
}

export class PurgeWatch {
  readonly #options: PurgeWatchOptions;
  #position: MysqlPosition | null = null;
  #retention: RetentionStatus | null = null;
  #warning: SourceWarning | null = null;
  /** Closed files by name, and when the one after them was begun. */
  #closed: { readonly file: string; readonly at: number } | null = null;

  constructor(options: PurgeWatchOptions) {
    this.#options = options;
  }

  /** Null before the first `look`. */
  get retention(): RetentionStatus | null {
    return this.#retention;
  }

  get warnings(): readonly SourceWarning[] {
    return this.#warning === null ? [] : [this.#warning];
  }

  /** Everything before it is durable here. */
  passed(position: MysqlPosition): void {
    this.#position = position;
  }

  /** Asks the server. Throws as its statements do. */
  async look(): Promise<void> {
    const position = this.#position;
    if (position === null) return;
    const { sql, clock } = this.#options;
    // What was set meanwhile counts.
    const facts = await serverFacts(sql);
    const files = await logFiles(sql);
    const index = files.findIndex(({ Log_name }) => Log_name === position.file);
    if (index < 0) return;
    const bytes = files.slice(index).reduce((sum, { File_size }) => sum + Number(File_size), -position.pos);
    const kept = retentionSeconds(facts);
    const next = files[index + 1]?.Log_name;
    const closed = next === undefined ? null : await this.#closedAt(position, next);
    // The file that is being written stays, and then for all of the retention.
    const left = kept === null ? null : closed === null ? kept : Math.max(0, closed + kept - clock.now() / 1_000);
    this.#retention = { retainedBytes: Math.max(0, bytes), safeBytes: null, secondsUntilLost: left };
    this.#warn(facts, position.file, left, kept);
  }

  /** s since 1970 */
  async #closedAt({ flavor, file }: MysqlPosition, next: string): Promise<number | null> {
    if (this.#closed?.file !== file) {
      const at = await fileBegun({ url: this.#options.url, replica: NO_REPLICA }, { flavor, file: next });
      this.#closed = at === null ? null : { file, at };
    }
    return this.#closed?.at ?? null;
  }

  #warn({ flavor }: ServerFacts, file: string, left: number | null, kept: number | null): void {
    if (left === null || kept === null || left > Math.min(SOON_SECONDS, kept / 10)) {
      this.#warning = null;
      return;
    }
    const hours = Math.round((left / HOUR_SECONDS) * 10) / 10;
    const set = flavor === 'mysql' ? 'SET PERSIST' : 'SET GLOBAL';
    this.#warning = {
      message: `the server removes ${file}, which is not read yet, in ${hours} hours`,
      remedy: `${set} binlog_expire_logs_seconds = ${2 * kept};`,
      since: this.#warning?.since ?? this.#options.clock.now(),
    };
  }
}
