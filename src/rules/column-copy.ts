/** Columns of any row, by the quick way where the row has it. */
import type { ColumnTarget, Row } from '../contracts/row.ts';

export function hasColumn(row: Row, index: number): boolean {
  return row.has === undefined ? row.bytes(index) !== undefined : row.has(index);
}

export function copyColumn(row: Row, index: number, target: ColumnTarget, column: number): void {
  if (row.copy !== undefined) {
    row.copy(index, target, column);
    return;
  }
  const bytes = row.bytes(index);
  if (bytes === undefined) target.unchanged(column);
  else target.json(column, bytes, 0, bytes.length);
}
