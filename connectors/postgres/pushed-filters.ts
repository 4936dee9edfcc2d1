/**
 * Filters that run in the database: docs/decisions/2026-11-25-filters-in-the-database.md. Only where a table is read that was
 * never read before, all of it: whatever a target has of a row that is left out is older than the begin marker, and swept.
 */
import { filterSql } from '../../src/sdk/source/predicate-sql.ts';
import type { Rows } from './catalog.ts';
import { filterDialect } from './filter-dialect.ts';
import type { SourceOptions } from './names.ts';
import type { CapturedTable } from './publication.ts';
import type { SnapshotState } from './snapshot-state.ts';

/** Conditions to be joined with AND, for the table as it is in the transaction of `rows`. */
export async function pushedFilters(
  { filters }: SourceOptions,
  { label, catalog }: CapturedTable,
  state: Pick<SnapshotState, 'kind' | 'where'> | undefined,
  rows: Rows,
): Promise<readonly string[]> {
  const conditions = filters?.get(label) ?? [];
  const isFirst = state === undefined || (state.kind === 'initial' && state.where === null);
  if (conditions.length === 0 || !isFirst) return [];
  return filterSql(conditions, await filterDialect(rows, catalog.oid)).sql;
}
