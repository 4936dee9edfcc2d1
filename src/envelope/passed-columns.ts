import type { TableMemory } from '../contracts/row-memory.ts';
import type { TableSchema } from '../contracts/schema.ts';

/**
 * Columns that the steps of a source pass on as they are and that are kept: their kept values are those that the steps would have
 * got. By index of the input column the place in the memory.
 */
export function passedColumns(
  input: TableSchema,
  output: TableSchema,
  memory: TableMemory,
): ReadonlyMap<number, number> {
  const passed = new Map<number, number>();
  for (const [place, index] of memory.columns.entries()) {
    const { name, kind, unsent } = output.columns[index]!;
    // What is computed has a size of its own.
    if (unsent === undefined || unsent.aboveBytes < 0) continue;
    const from = input.columns.findIndex(
      (column) =>
        column.kind === kind &&
        column.unsent?.aboveBytes === unsent.aboveBytes &&
        (unsent.number === undefined ? column.name === name : column.unsent.number === unsent.number),
    );
    if (from >= 0) passed.set(from, place);
  }
  return passed;
}
