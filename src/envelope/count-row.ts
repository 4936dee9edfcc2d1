import type { RowCounts } from '../contracts/measures.ts';
import type { RowOp } from '../contracts/row.ts';

export function countRow(counts: RowCounts, op: RowOp): void {
  switch (op) {
    case 'c':
      counts.insert++;
      break;
    case 'u':
      counts.update++;
      break;
    case 'd':
      counts.delete++;
      break;
    case 'r':
      counts.snapshot++;
  }
}
