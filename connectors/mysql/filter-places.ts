/** Which conditions of the rules run in the database, and why the others do not. */
import type { FilterPlace } from '../../src/sdk/index.ts';
import { filterSql } from '../../src/sdk/source/predicate-sql.ts';
import { catalogTable } from './catalog.ts';
import { SqlSession } from './connections.ts';
import { filterDialect } from './filter-dialect.ts';
import { type SourceOptions, tableName } from './names.ts';
import type { Rows } from './rows.ts';
import { serverFacts } from './server.ts';

const LOG_HAS_ALL = 'the binary log has all of them';

/** Changes nothing. Throws as the source connects. */
export async function filterPlacesOf({ config, filters }: SourceOptions): Promise<readonly FilterPlace[]> {
  const sql = new SqlSession(config.url);
  const rows: Rows = (text, values) => sql.rows(text, values);
  const places: FilterPlace[] = [];
  try {
    const { flavor } = await serverFacts(sql);
    for (const [table, conditions] of filters ?? []) {
      const catalog = await catalogTable(rows, tableName(table), flavor);
      if (catalog === undefined) continue;
      const { hindrances } = filterSql(conditions, filterDialect(catalog));
      for (const [i, { text }] of conditions.entries()) {
        places.push({ table, condition: text, snapshot: hindrances[i]!, stream: hindrances[i] ?? LOG_HAS_ALL });
      }
    }
    return places;
  } finally {
    await sql.close();
  }
}
