/** How far tables were read, for people. */
import type { SnapshotStatus } from '../contracts/upstream.ts';
import { count, counted, duration, table } from './format.ts';
import type { Style } from './style.ts';

const BAR = 16;

/** A line a table, each indented. */
export function snapshotLines(snapshots: readonly SnapshotStatus[], style: Style, indent: number): string {
  return table(
    snapshots.map((one) => [one.table, ...progressCells(one, style), one.kind === 'refresh' ? 'once more' : '']),
    indent,
  );
}

function progressCells(snapshot: SnapshotStatus, style: Style): string[] {
  const { state, percent, rowsPerSecond, etaSeconds } = snapshot;
  const rate = rowsPerSecond === null ? '' : `${count(rowsPerSecond)} rows/s`;
  const left = etaSeconds === null ? '' : `ETA ${duration(etaSeconds * 1_000)}`;
  const share = percent === null ? '' : `${percent}%`;
  return [bar(percent, style), share, rowsText(snapshot), state === 'reading' ? rate : state, left];
}

function rowsText({ rows, estimatedRows }: SnapshotStatus): string {
  if (estimatedRows === null) return counted(rows, 'row');
  return `${count(rows)} / ~${count(Math.max(rows, estimatedRows))} rows`;
}

function bar(percent: number | null, { signs }: Style): string {
  if (percent === null) return '';
  const full = Math.floor((percent * BAR) / 100);
  return signs.full.repeat(full) + signs.empty.repeat(BAR - full);
}
