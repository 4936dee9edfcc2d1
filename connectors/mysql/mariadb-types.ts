/**
 * Types of MariaDB that its table maps do not tell from the types they are stored as. The catalog (of now) says which columns
 * have them; it is asked again after each ALTER TABLE.
 */
import type { WireColumn } from './table-map.ts';

/** Type in the catalog → what the stream has in its place. */
const STORED_AS: Readonly<Record<string, (column: WireColumn) => boolean>> = {
  json: ({ base, charset }) => base === 'longtext' && charset === 'utf8mb4',
};

/** @param hints types in the catalog by column */
export function withHints(columns: readonly WireColumn[], hints: ReadonlyMap<string, string>): WireColumn[] {
  return columns.map((column) => {
    const hint = hints.get(column.name);
    const isStoredAs = hint === undefined || !Object.hasOwn(STORED_AS, hint) ? undefined : STORED_AS[hint];
    return hint !== undefined && isStoredAs?.(column) === true ? { ...column, base: hint } : column;
  });
}
