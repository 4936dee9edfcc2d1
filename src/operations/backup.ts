/** One backup at a time, in the background. */
import { errorWords, TailraceError } from '../contracts/errors.ts';
import type { BackupControl, BackupStatus } from '../contracts/log-backup.ts';
import type { CopyReport, Progress } from '../contracts/log-tools.ts';
import type { Clock } from '../contracts/plugin.ts';

/** Copies the log; see `EmbeddedLog.backup`. */
export type BackUp = (directory: string, progress: Progress, signal: AbortSignal) => Promise<CopyReport>;

export class LogBackup implements BackupControl {
  readonly #backUp: BackUp;
  readonly #clock: Pick<Clock, 'now'>;
  #status: BackupStatus | null = null;
  #cancelling = new AbortController();

  constructor(backUp: BackUp, clock: Pick<Clock, 'now'>) {
    this.#backUp = backUp;
    this.#clock = clock;
  }

  backup(): BackupStatus | null {
    return this.#status;
  }

  startBackup(directory: string): BackupStatus {
    if (this.#status?.state === 'running') {
      throw new TailraceError('log.backup_running', `the log is being copied to ${this.#status.directory}`, {
        remedy: 'wait until it has ended, or cancel it with `tailrace log backup --cancel`',
      });
    }
    const started: BackupStatus = {
      directory,
      state: 'running',
      startedMs: this.#clock.now(),
      endedMs: null,
      doneBytes: 0,
      totalBytes: 0,
      report: null,
      problem: null,
    };
    this.#status = started;
    this.#cancelling = new AbortController();
    void this.#run(directory, this.#cancelling.signal);
    return started;
  }

  cancelBackup(): boolean {
    if (this.#status?.state !== 'running') return false;
    this.#cancelling.abort();
    return true;
  }

  async #run(directory: string, signal: AbortSignal): Promise<void> {
    const progress: Progress = (doneBytes, totalBytes) => this.#change({ doneBytes, totalBytes });
    try {
      const report = await this.#backUp(directory, progress, signal);
      this.#change({ state: 'done', report, endedMs: this.#clock.now() });
    } catch (error) {
      const ended = { endedMs: this.#clock.now() };
      if (signal.aborted) this.#change({ state: 'cancelled', ...ended });
      else this.#change({ state: 'failed', problem: errorWords(error), ...ended });
    }
  }

  #change(change: Partial<BackupStatus>): void {
    this.#status = { ...this.#status!, ...change };
  }
}
