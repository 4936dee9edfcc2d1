/** What a running source can be told about its snapshots. */
import { type SnapshotCommand, TailraceError } from '../../src/sdk/index.ts';
import type { CapturedTable } from './publication.ts';
import type { RowsWanted } from './row-condition.ts';
import type { SnapshotRunner } from './snapshot-runner.ts';
import { cancelled } from './snapshot-state.ts';
import type { SourceProgress } from './source-progress.ts';

/** Throws `source.not_ready` for what cannot be done now; nothing was changed then. */
export async function obey(
  command: SnapshotCommand,
  tables: readonly CapturedTable[],
  progress: SourceProgress,
  runner: SnapshotRunner,
): Promise<void> {
  if (!('tables' in command)) {
    progress.pause(command.do === 'pause');
    runner.wake();
    return;
  }
  const named = tablesOf(command.tables, tables);
  if (command.do === 'start') await start(named, command.rows ?? null, progress, runner);
  else cancel(command.tables === null ? named.filter(isRefreshed(progress)) : named, progress);
}

async function start(
  named: readonly CapturedTable[],
  rows: RowsWanted,
  progress: SourceProgress,
  runner: SnapshotRunner,
): Promise<void> {
  const busy = named.find(({ label }) => progress.unread().includes(label));
  if (busy !== undefined) {
    throw new TailraceError('source.not_ready', `${busy.label} is being read already`, {
      remedy: 'wait for its end, which `tailrace status` shows',
    });
  }
  for (const table of named) await runner.refresh(table, rows);
}

function cancel(named: readonly CapturedTable[], progress: SourceProgress): void {
  for (const { label } of named) {
    if (progress.snapshot(label)?.kind === 'refresh') continue;
    const what = progress.unread().includes(label) ? 'is read for the first time' : 'is not being read';
    const remedy = progress.unread().includes(label)
      ? 'pause it, or take the table out under `tables:`: rows that were not read would be missing for ever'
      : 'there is nothing to cancel';
    throw new TailraceError('source.not_ready', `${label} ${what}`, { remedy });
  }
  for (const { label } of named) progress.setSnapshot(label, cancelled(progress.snapshot(label)!));
}

const isRefreshed =
  (progress: SourceProgress) =>
  ({ label }: CapturedTable) =>
    progress.snapshot(label)?.kind === 'refresh';

function tablesOf(labels: readonly string[] | null, tables: readonly CapturedTable[]): readonly CapturedTable[] {
  if (labels === null) return tables;
  return labels.map((label) => {
    const table = tables.find((one) => one.label === label);
    if (table !== undefined) return table;
    throw new TailraceError('source.not_ready', `${label} is not captured`, {
      remedy: `name one of ${tables.map((one) => one.label).join(', ')}, or put it under \`tables:\` of the source`,
    });
  });
}
