/** Which conditions of the rules run in the database, and why the others do not. */
import type { FilterPlace } from '../../src/sdk/index.ts';
import { filterSql } from '../../src/sdk/source/predicate-sql.ts';
import { catalogTable, type Rows } from './catalog.ts';
import { SqlSession } from './connections.ts';
import { filterDialect } from './filter-dialect.ts';
import { type SourceOptions, tableName } from './names.ts';

const LOG_HAS_ALL = 'the write-ahead log has all of them';

/** Changes nothing. Throws as the source connects. */
export async function filterPlacesOf(options: SourceOptions): Promise<readonly FilterPlace[]> {
  const sql = new SqlSession(options);
  const rows: Rows = (text, values) => sql.rows(text, values);
  const places: FilterPlace[] = [];
  try {
    for (const [table, conditions] of options.filters ?? []) {
      const catalog = await catalogTable(rows, tableName(table));
      if (catalog === undefined) continue;
      const { hindrances } = filterSql(conditions, await filterDialect(rows, catalog.oid));
      for (const [i, { text }] of conditions.entries()) {
        places.push({ table, condition: text, snapshot: hindrances[i]!, stream: hindrances[i] ?? LOG_HAS_ALL });
      }
    }
    return places;
  } finally {
    await sql.close();
  }
}
