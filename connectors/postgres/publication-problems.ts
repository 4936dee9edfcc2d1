/** What keeps tables and publications from being used, with what mends it. */
import { TailraceError } from '../../src/sdk/index.ts';
import { keyOf } from './descriptions.ts';
import { storedIdentity, unsendableIdentity } from './generated-identity.ts';
import { quoteName, quoteTable } from './names.ts';
import {
  type CapturedTable,
  createPublicationSql,
  type Publication,
  publishedTable,
  tableList,
} from './publication.ts';
import { narrowingProblem } from './published-identity.ts';

export interface Problem {
  readonly message: string;
  readonly remedy: string;
}

/** A table whose rows cannot be told apart: publishing it would make the application's UPDATE and DELETE fail. */
export function withoutKey(table: CapturedTable): TailraceError | null {
  const { label, catalog } = table;
  const { oddLeaf, primaryKey } = catalog;
  if (keyOf(catalog).length === 0) {
    const remedy = keyRemedy(quoteTable(table), primaryKey.length > 0);
    return new TailraceError('source.not_ready', `${label} has no key by which the stream tells its rows apart`, {
      remedy,
    });
  }
  const unsendable = unsendableIdentity(catalog);
  if (unsendable.length > 0) {
    const message = `the replica identity of ${label} has generated columns that cannot be published: ${unsendable.join(', ')}`;
    return new TailraceError('source.not_ready', message, { remedy: plainRemedy(table) });
  }
  if (oddLeaf === null) return null;
  return new TailraceError('source.not_ready', `the partition ${oddLeaf} has another replica identity than ${label}`, {
    remedy: `give ${oddLeaf} the replica identity of ${label}: ALTER TABLE ${oddLeaf} REPLICA IDENTITY …;`,
  });
}

function keyRemedy(quoted: string, hasPrimaryKey: boolean): string {
  if (hasPrimaryKey) return `ALTER TABLE ${quoted} REPLICA IDENTITY DEFAULT;`;
  return `ALTER TABLE ${quoted} ADD PRIMARY KEY (…); (not DEFERRABLE), or a unique index over NOT NULL columns and ALTER TABLE ${quoted} REPLICA IDENTITY USING INDEX …;`;
}

/** An identity without generated columns. */
function plainRemedy(table: CapturedTable): string {
  const { catalog } = table;
  const hasPlainKey =
    catalog.primaryKey.length > 0 &&
    catalog.columns.every(({ name, generated }) => !generated || !catalog.primaryKey.includes(name));
  if (hasPlainKey) return `ALTER TABLE ${quoteTable(table)} REPLICA IDENTITY DEFAULT;`;
  return `a unique index over NOT NULL columns that are not generated and ALTER TABLE ${quoteTable(table)} REPLICA IDENTITY USING INDEX …;`;
}

/**
 * With the publication as it is, or with one made without asking, the server would refuse the application's UPDATE and
 * DELETE of a table. It is not mended here: publishing generated columns adds columns to all tables that have some.
 */
export function generatedProblem(
  name: string,
  publication: Publication | undefined,
  tables: readonly CapturedTable[],
): Problem | null {
  // With them, only a column list can leave some out, which is told of as such.
  if (publication?.generated === true) return null;
  for (const table of tables) {
    const published = publishedTable(publication, table);
    const lost = storedIdentity(table.catalog).filter((column) => published?.columns?.includes(column) !== true);
    if (lost.length === 0) continue;
    const message = `the publication ${name} would make UPDATE and DELETE of ${table.label} fail: its replica identity has generated columns, which have to be published: ${lost.join(', ')}`;
    const remedy =
      publication === undefined
        ? createPublicationSql(name, tables)
        : `ALTER PUBLICATION ${quoteName(name)} SET (publish_generated_columns = stored);`;
    return { message, remedy };
  }
  return null;
}

/** What keeps a publication of the user's from being used; null when nothing does. */
export function publicationProblem(
  name: string,
  publication: Publication | undefined,
  tables: readonly CapturedTable[],
): Problem | null {
  const quoted = quoteName(name);
  if (publication === undefined) {
    return { message: `the publication ${name} does not exist`, remedy: createPublicationSql(name, tables) };
  }
  if (!publication.whole) {
    const remedy = `ALTER PUBLICATION ${quoted} SET (publish = 'insert, update, delete, truncate');`;
    return { message: `the publication ${name} leaves out some kinds of changes`, remedy };
  }
  for (const table of tables) {
    const narrowing = narrowingProblem(publication, table);
    if (narrowing !== null) return narrowing;
  }
  const generated = generatedProblem(name, publication, tables);
  if (generated !== null) return generated;
  const missing = tables.filter((table) => publishedTable(publication, table) === undefined);
  if (missing.length === 0) return null;
  const message = `the publication ${name} does not publish ${missing.map(({ label }) => label).join(', ')}`;
  const add = `ALTER PUBLICATION ${quoted} ADD TABLE ${tableList(missing)};`;
  const root = `ALTER PUBLICATION ${quoted} SET (publish_via_partition_root = true);`;
  return { message, remedy: missing.some(({ catalog }) => catalog.relkind === 'p') ? `${add} ${root}` : add };
}
