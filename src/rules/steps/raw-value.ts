/** Columns as rows give them, not as expressions see them. */
import type { Run } from '../row-image.ts';
import type { Stage, StageColumn } from '../stage.ts';
import type { Present } from '../values/cell.ts';

/** The value as `Row.get` gives it; text that is not UTF-8 included. */
export function rawRun({ registers }: Stage, { slot }: StageColumn): Run {
  if (slot >= 0) return (row) => row.load(slot, (value) => value as Present);
  const { codec } = registers[~slot]!;
  return (row) => {
    const cell = row.register(~slot);
    return cell === null || cell === undefined ? cell : (codec.value(cell) as Present);
  };
}
