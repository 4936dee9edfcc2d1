/**
 * Filters that run in the database: docs/decisions/2026-11-25-filters-in-the-database.md. Only where a table is read that was
 * never read before, all of it: whatever a target has of a row that is left out is older than the begin marker, and swept.
 */
import { filterSql } from '../../src/sdk/source/predicate-sql.ts';
import type { CatalogTable } from './catalog.ts';
import { filterDialect } from './filter-dialect.ts';
import type { SourceOptions } from './names.ts';
import type { SnapshotState } from './snapshot-state.ts';

/** Conditions to be joined with AND. */
export function pushedFilters(
  { filters }: SourceOptions,
  label: string,
  catalog: CatalogTable,
  { kind, where }: Pick<SnapshotState, 'kind' | 'where'>,
): readonly string[] {
  if (kind !== 'initial' || where !== null) return [];
  return filterSql(filters?.get(label) ?? [], filterDialect(catalog)).sql;
}
