/**
 * Generated columns by which a table's old rows are told apart. From version 18 on the server refuses the application's
 * UPDATE and DELETE when a publication of them leaves such a column out ("Replica identity must not contain unpublished
 * generated columns"): publications have stored ones with `publish_generated_columns = stored` only, virtual ones never.
 * Older servers do not send any, and refuse nothing.
 */
import type { CatalogTable } from './catalog.ts';
import { keyOf } from './descriptions.ts';

/** Stored columns of the identity that a publication has to publish; none before version 18. */
export function storedIdentity(catalog: CatalogTable): readonly string[] {
  if (!catalog.canPublishGenerated) return [];
  return identityColumns(catalog)
    .filter(({ generated, virtual }) => generated && !virtual)
    .map(({ name }) => name);
}

/** Columns with which the table cannot be captured, as no publication can have them. */
export function unsendableIdentity(catalog: CatalogTable): readonly string[] {
  const { canPublishGenerated } = catalog;
  const keys = keyOf(catalog);
  return identityColumns(catalog)
    .filter(({ name, generated, virtual }) => (canPublishGenerated ? virtual : generated && keys.includes(name)))
    .map(({ name }) => name);
}

function identityColumns(catalog: CatalogTable): CatalogTable['columns'] {
  if (catalog.identity === 'f') return catalog.columns;
  const keys = keyOf(catalog);
  return catalog.columns.filter(({ name }) => keys.includes(name));
}
