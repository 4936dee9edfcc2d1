/**
 * Repairs rows through the log: the source reads them again at a place in its stream where it sees all that was delivered, so
 * they get versions above every earlier change and below every later one; keys that it has no row of become deletes there.
 */
import { TailraceError } from '../../contracts/errors.ts';
import type { Clock } from '../../contracts/plugin.ts';
import type { SnapshotCommand, SnapshotStatus } from '../../contracts/upstream.ts';
import { keyTextsOf } from './row-identity.ts';

/** Keys of one command: they stand in the source's position while they are read. */
const STEP_KEYS = 500;
const POLL_MS = 50;
/** Another reading of the table may be under way. */
const PATIENCE_MS = 600_000;

/** Of running sources. */
export interface Rereader {
  snapshots(source: string, command: SnapshotCommand): Promise<void>;
  /** Has the position of a source that is idle saved soon. */
  hasten(source: string): void;
  /** What a source is reading or will; undefined when it is not at work. */
  reading(source: string): readonly SnapshotStatus[] | undefined;
}

export interface RepairOptions {
  readonly source: string;
  /** `schema.table`. */
  readonly table: string;
  readonly rereader: Rereader;
  readonly clock: Clock;
}

/** Resolves when all rows are in the log. @param keys as the source names them */
export async function reread(options: RepairOptions, keys: readonly string[], signal: AbortSignal): Promise<void> {
  for (let at = 0; at < keys.length; at += STEP_KEYS) {
    const texts = keys.slice(at, at + STEP_KEYS).map(keyTextsOf);
    await untilRead(options, signal);
    await options.rereader.snapshots(options.source, {
      do: 'start',
      tables: [options.table],
      rows: { keys: texts, absent: 'delete' },
    });
    await untilRead(options, signal);
  }
}

async function untilRead({ rereader, source, table, clock }: RepairOptions, signal: AbortSignal): Promise<void> {
  const since = clock.monotonic();
  for (;;) {
    const reading = rereader.reading(source);
    if (reading !== undefined && !reading.some((one) => one.table === table)) return;
    if (clock.monotonic() - since > PATIENCE_MS) {
      throw new TailraceError('verify.waits', `the source ${source} does not read ${table} again`, {
        remedy: '`tailrace status` says what it is doing; verify again when it streams',
      });
    }
    await clock.sleep(POLL_MS, signal);
  }
}
