/** Tables as the log describes them, made alike for snapshot and stream so that both name the same schema. */
import { type Column, type TableDescription, TailraceError } from '../../src/sdk/index.ts';
import {
  type CatalogTable,
  type CatalogType,
  catalogTable,
  catalogTypes,
  type Rows,
  typeByName,
  type WireColumn,
} from './catalog.ts';
import type { TableName } from './names.ts';
import type { TypeName } from './pgoutput.ts';
import { unsentRules } from './unsent-columns.ts';

export interface DescribedTable {
  readonly description: TableDescription;
  readonly types: readonly CatalogType[];
  readonly catalog: CatalogTable;
}

/**
 * As the catalog has it now; undefined when the table does not exist.
 * @param published names of the columns that are streamed; null: all that are not generated
 */
export async function describeTable(
  rows: Rows,
  source: string,
  name: TableName,
  published: readonly string[] | null,
): Promise<DescribedTable | undefined> {
  const catalog = await catalogTable(rows, name);
  if (catalog === undefined) return undefined;
  const columns = catalog.columns.filter((column) => published?.includes(column.name) ?? !column.generated);
  const types = await typesOf(rows, name, columns);
  return {
    description: description({
      source,
      name,
      columns,
      types,
      catalog,
      keys: keyOf(catalog),
      identity: catalog.identity,
    }),
    types,
    catalog,
  };
}

/** A relation of the stream: its own columns and key flags are the truth, the catalog (of now) knows the rest. */
export async function describeRelation(
  rows: Rows,
  source: string,
  name: TableName,
  relation: {
    readonly oid: number;
    readonly identity: string;
    readonly columns: readonly (WireColumn & { readonly key: boolean })[];
  },
  typeNames: ReadonlyMap<number, TypeName>,
): Promise<{ description: TableDescription; types: readonly CatalogType[]; catalog: CatalogTable | null }> {
  const { columns, identity } = relation;
  const types = await typesOf(rows, name, columns, typeNames);
  const catalog = await catalogTable(rows, relation.oid);
  const flagged = columns.filter(({ key }) => key).map((column) => column.name);
  const known = catalog === undefined ? [] : keyOf({ ...catalog, identity });
  const full = identity === 'f';
  const usable = known.every((key) => columns.some((column) => column.name === key));
  const same = known.length === flagged.length && known.every((key) => flagged.includes(key));
  const keys = usable && (full || same) ? known : full ? [] : flagged;
  return {
    description: description({ source, name, columns, types, catalog, keys, identity }),
    types,
    catalog: catalog ?? null,
  };
}

/** Names of the columns that identify a row in the stream, in index order. */
export function keyOf({ identity, primaryKey, identityIndex }: CatalogTable): readonly string[] {
  return identity === 'i' ? identityIndex : identity === 'n' ? [] : primaryKey;
}

async function typesOf(
  rows: Rows,
  { label }: TableName,
  columns: readonly WireColumn[],
  typeNames: ReadonlyMap<number, TypeName> = new Map(),
): Promise<CatalogType[]> {
  const types = await catalogTypes(rows, columns);
  return types.map((type, i) => {
    const { name, type: oid } = columns[i]!;
    const named = typeNames.get(oid);
    const found = type ?? (named === undefined ? undefined : typeByName(named));
    if (found !== undefined) return found;
    // Invariant 5: without the type the values cannot be told apart.
    throw new TailraceError('source.unsupported', `the type of ${label}.${name} was dropped`, {
      remedy: 'set `on_gap: resnapshot` on the source to read the table as it is now',
    });
  });
}

interface Facts {
  readonly source: string;
  readonly name: TableName;
  readonly columns: readonly WireColumn[];
  readonly types: readonly CatalogType[];
  readonly catalog: CatalogTable | undefined;
  readonly keys: readonly string[];
  readonly identity: string;
}

function description({
  source,
  name: { schema, table },
  columns,
  types,
  catalog,
  keys,
  identity,
}: Facts): TableDescription {
  const unsent = unsentRules(columns, types, keys, catalog, identity);
  const notNull = new Set(catalog?.columns.filter((column) => column.notNull).map(({ name }) => name));
  return {
    source,
    schema,
    table,
    columns: columns.map(({ name }, i): Column => {
      const { native, kind, element, labels, length, precision, scale } = types[i]!;
      const ordinal = keys.indexOf(name);
      return {
        name,
        kind,
        native,
        nullable: !notNull.has(name) && ordinal < 0,
        ...(length === undefined ? {} : { length }),
        ...(precision === undefined ? {} : { precision }),
        ...(scale === undefined ? {} : { scale }),
        ...(element === undefined ? {} : { element }),
        ...(labels === undefined ? {} : { enum: labels }),
        ...(ordinal < 0 ? {} : { keyOrdinal: ordinal + 1 }),
        ...(unsent[i] === undefined ? {} : { unsent: unsent[i] }),
      };
    }),
  };
}
