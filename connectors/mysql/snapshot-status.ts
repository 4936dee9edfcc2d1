/** Progress of the snapshots as the status shows it. */
import type { SnapshotStatus } from '../../src/sdk/index.ts';
import type { SnapshotRunner } from './snapshot-runner.ts';
import type { SourceProgress } from './source-progress.ts';

export function snapshotStatuses(progress: SourceProgress, runner: SnapshotRunner): readonly SnapshotStatus[] {
  const { isPaused } = progress;
  return progress.unread().map((table): SnapshotStatus => {
    const state = progress.snapshot(table);
    const [rows, estimatedRows] = [state?.rows ?? 0, state?.estimate ?? null];
    const rate = isPaused ? null : runner.pace.rate(table);
    const share = estimatedRows === null ? null : Math.floor((100 * rows) / Math.max(1, estimatedRows));
    const left = estimatedRows === null ? null : Math.max(0, estimatedRows - rows);
    return {
      table,
      kind: state?.kind ?? 'initial',
      state: isPaused ? 'paused' : runner.reading === table ? 'reading' : 'waiting',
      rows,
      estimatedRows,
      // An estimate is none that says 100 before the end.
      percent: share === null ? null : Math.min(99, share),
      rowsPerSecond: rate === null ? null : Math.round(rate),
      etaSeconds: left === null || rate === null || rate <= 0 ? null : Math.ceil(left / rate),
    };
  });
}
