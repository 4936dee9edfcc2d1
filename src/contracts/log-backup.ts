/** A backup of the log of a running instance. Implemented by `operations`, called by `api`. */
import type { CopyReport } from './log-tools.ts';

export type BackupState = 'running' | 'done' | 'cancelled' | 'failed';

export interface BackupStatus {
  /** Absolute path on the instance's machine; there when the state is `done`. */
  readonly directory: string;
  readonly state: BackupState;
  /** ms since 1970. */
  readonly startedMs: number;
  readonly endedMs: number | null;
  /** Bytes of the log's files; the total is 0 until it is known. */
  readonly doneBytes: number;
  readonly totalBytes: number;
  /** Of `done`. */
  readonly report: CopyReport | null;
  readonly problem: { readonly code: string; readonly message: string; readonly remedy: string | null } | null;
}

export interface BackupControl {
  /** The last one since the start, under way or not; null: none. */
  backup(): BackupStatus | null;
  /** Begins one, and answers at once. Throws `log.backup_running`. @param directory absolute path, absent or empty */
  startBackup(directory: string): BackupStatus;
  /** False: none was under way. What it has copied is removed. */
  cancelBackup(): boolean;
}
