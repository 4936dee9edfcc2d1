/**
 * Column lists and row filters against the replica identity. The server refuses the application's UPDATE and DELETE of a table
 * that is published with a column list without all columns of its identity, with any column list where the identity is FULL,
 * or with a row filter over columns outside of the identity (CheckCmdReplicaIdentity in its execReplication.c).
 */
import type { CatalogTable } from './catalog.ts';
import { keyOf } from './descriptions.ts';
import { quoteLiteral, quoteName, quoteTable } from './names.ts';
import { type CapturedTable, fromTable, type Publication, type PublishedTable, publishedTable } from './publication.ts';
import type { Problem } from './publication-problems.ts';

/** Of a captured table with a key; null where nothing is refused, and for one that is not published. */
export function narrowingProblem(publication: Publication, table: CapturedTable): Problem | null {
  const published = publishedTable(publication, table);
  if (published === undefined) return null;
  const { catalog, label } = table;
  const remedy = () => mend(publication, table, published);
  const makes = `the publication ${publication.name} makes UPDATE and DELETE of ${label} fail`;
  if (catalog.identity === 'f') {
    if (!published.listed) return null;
    return { message: `${makes}: it has a column list, and the replica identity is FULL`, remedy: remedy() };
  }
  const keys = keyOf(catalog);
  const outside = published.filterColumns.filter((column) => !keys.includes(column));
  if (outside.length > 0) {
    const message = `${makes}: its row filter uses columns outside of the replica identity: ${outside.join(', ')}`;
    return { message, remedy: remedy() };
  }
  const lost = lacking(published, keys);
  if (lost.length === 0) return null;
  const message = `the publication ${publication.name} leaves out columns of the key of ${label}: ${lost.join(', ')}`;
  return { message, remedy: remedy() };
}

/** Columns that its list leaves out. */
function lacking({ listed, columns }: PublishedTable, of: readonly string[]): readonly string[] {
  return listed ? of.filter((column) => columns?.includes(column) !== true) : [];
}

/** SQL after which nothing is refused. Columns that a list keeps back stay there; a row filter may have to go. */
function mend(publication: Publication, table: CapturedTable, published: PublishedTable): string {
  const { catalog } = table;
  const isFull = catalog.identity === 'f';
  const keys = isFull ? catalog.primaryKey : keyOf(catalog);
  const needsFull = published.filterColumns.some((column) => !keys.includes(column));
  const hides = lacking(published, publishable(publication, catalog)).length > 0;
  if (needsFull && !hides && canBeFull(publication, catalog)) {
    const again = published.listed ? [publishAgain(publication, table, { ...published, listed: false })] : [];
    return [...again, ...(isFull ? [] : [identitySql(table, 'FULL')])].join(' ');
  }
  if (isFull && !hides) return publishAgain(publication, table, { ...published, listed: false });
  const lost = lacking(published, keys);
  const list = published.listed ? [...lost, ...published.columns!] : null;
  const needsEntry = needsFull || lost.length > 0;
  const steps = [
    ...(needsEntry
      ? [
          publishAgain(publication, table, {
            ...published,
            columns: list,
            filter: needsFull ? null : published.filter,
          }),
        ]
      : []),
    ...(isFull ? [identitySql(table, 'DEFAULT')] : []),
  ];
  return steps.join(' ');
}

/** What the publication would have of the table without a list. */
function publishable({ generated }: Publication, { columns }: CatalogTable): readonly string[] {
  return columns.filter((column) => !column.generated || (generated && !column.virtual)).map(({ name }) => name);
}

/** It then has a key for us, and no column that the publication leaves out (version 18). */
function canBeFull(publication: Publication, catalog: CatalogTable): boolean {
  if (catalog.primaryKey.length === 0) return false;
  return !catalog.canPublishGenerated || publishable(publication, catalog).length === catalog.columns.length;
}

/** In one transaction, so that no change falls between. */
function publishAgain(publication: Publication, table: CapturedTable, how: PublishedTable): string {
  const alter = `ALTER PUBLICATION ${quoteName(publication.name)}`;
  const list = how.listed ? ` (${how.columns!.map(quoteName).join(', ')})` : '';
  const where = how.filter === null ? '' : ` WHERE (${how.filter})`;
  const from = fromTable(table);
  return `BEGIN; ${alter} DROP TABLE ${from}; ${alter} ADD TABLE ${from}${list}${where}; COMMIT;`;
}

/** Of the table, and of a partitioned one its partitions, which have identities of their own. */
export function identitySql(table: CapturedTable, identity: 'DEFAULT' | 'FULL'): string {
  if (table.catalog.relkind !== 'p') return `ALTER TABLE ${quoteTable(table)} REPLICA IDENTITY ${identity};`;
  const tree = `pg_partition_tree(${quoteLiteral(quoteTable(table)).trim()})`;
  return `DO $tailrace$ BEGIN EXECUTE (SELECT string_agg(format('ALTER TABLE %s REPLICA IDENTITY ${identity}', relid), '; ') FROM ${tree}); END $tailrace$;`;
}
