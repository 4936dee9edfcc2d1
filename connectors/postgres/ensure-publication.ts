/** The publication: exactly the configured tables, made and altered by us unless the configuration names one. */
import { TailraceError } from '../../src/sdk/index.ts';
import type { SqlSession } from './connections.ts';
import { quoteName } from './names.ts';
import {
  type CapturedTable,
  createPublicationSql,
  findPublication,
  type Publication,
  publishedTable,
  tableList,
  WHOLE,
} from './publication.ts';
import { generatedProblem, publicationProblem, withoutKey } from './publication-problems.ts';

/**
 * The publication as it is to be used from a new slot on. Ours is made, or altered to hold exactly `tables`; one that the
 * user named has to hold them. Throws `source.not_ready`.
 */
export async function ensurePublication(
  sql: SqlSession,
  { name, managed }: { readonly name: string; readonly managed: boolean },
  tables: readonly CapturedTable[],
): Promise<Publication> {
  const present = await findPublication(sql, name);
  if (managed) {
    for (const table of tables) {
      const refusal = withoutKey(table);
      if (refusal !== null) throw refusal;
    }
    const generated = generatedProblem(name, present, tables);
    if (generated !== null) {
      throw new TailraceError('source.not_ready', generated.message, { remedy: generated.remedy });
    }
    if (present === undefined) await sql.rows(createPublicationSql(name, tables));
    else {
      const hidden = tables.some((table) => table.catalog.relkind === 'p' && !publishedTable(present, table));
      if (!present.whole || hidden) await sql.rows(`ALTER PUBLICATION ${quoteName(name)} SET (${WHOLE})`);
      await setTables(sql, present, tables);
    }
  }
  const publication = managed ? await findPublication(sql, name) : present;
  const problem = publicationProblem(name, publication, tables);
  if (problem !== null) throw new TailraceError('source.not_ready', problem.message, { remedy: problem.remedy });
  return publication!;
}

/** Tables that are there already keep their entry. */
async function setTables(sql: SqlSession, present: Publication, tables: readonly CapturedTable[]): Promise<void> {
  // A list cannot be empty; what is published and not captured is not read.
  if (tables.length === 0) return;
  const same = tables.every((table) => publishedTable(present, table)) && present.tables.length === tables.length;
  if (!same) await sql.rows(`ALTER PUBLICATION ${quoteName(present.name)} SET TABLE ${tableList(tables)}`);
}
