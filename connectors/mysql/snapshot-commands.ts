/** What a running source can be told about its snapshots. */
import { type SnapshotCommand, TailraceError } from '../../src/sdk/index.ts';
import type { TableName } from './names.ts';
import type { SnapshotRunner } from './snapshot-runner.ts';
import type { SourceProgress } from './source-progress.ts';

/** Throws `source.not_ready` for what cannot be done now; nothing was changed then. */
export async function obey(
  command: SnapshotCommand,
  tables: readonly TableName[],
  progress: SourceProgress,
  runner: SnapshotRunner,
): Promise<void> {
  if (!('tables' in command)) {
    progress.pause(command.do === 'pause');
    runner.wake();
    return;
  }
  const named = tablesOf(command.tables, tables);
  if (command.do === 'cancel') {
    cancel(command.tables === null ? named.filter(isRefreshed(progress)) : named, progress);
    return;
  }
  const busy = named.find(({ label }) => progress.unread().includes(label));
  if (busy !== undefined) {
    throw new TailraceError('source.not_ready', `${busy.label} is being read already`, {
      remedy: 'wait for its end, which `tailrace status` shows',
    });
  }
  for (const table of named) await runner.refresh(table, command.rows ?? null);
}

function cancel(named: readonly TableName[], progress: SourceProgress): void {
  for (const { label } of named) {
    if (progress.snapshot(label)?.kind === 'refresh') continue;
    const isFirst = progress.unread().includes(label);
    const what = isFirst ? 'is read for the first time' : 'is not being read';
    const remedy = isFirst
      ? 'pause it, or take the table out under `tables:`: rows that were not read would be missing for ever'
      : 'there is nothing to cancel';
    throw new TailraceError('source.not_ready', `${label} ${what}`, { remedy });
  }
  for (const { label } of named) progress.setSnapshot(label, null);
}

const isRefreshed =
  (progress: SourceProgress) =>
  ({ label }: TableName) =>
    progress.snapshot(label)?.kind === 'refresh';

function tablesOf(labels: readonly string[] | null, tables: readonly TableName[]): readonly TableName[] {
  if (labels === null) return tables;
  return labels.map((label) => {
    const table = tables.find((one) => one.label === label);
    if (table !== undefined) return table;
    throw new TailraceError('source.not_ready', `${label} is not captured`, {
      remedy: `name one of ${tables.map((one) => one.label).join(', ')}, or put it under \`tables:\` of the source`,
    });
  });
}
