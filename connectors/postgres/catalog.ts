/** What the catalog says of tables and types, for descriptions that snapshot and stream share. */
import type { Kind } from '../../src/sdk/index.ts';
import type { TableName } from './names.ts';
import { type Growth, growthOf } from './value-growth.ts';

/** A column as the stream's Relation message has it. */
export interface WireColumn {
  readonly name: string;
  readonly type: number;
  readonly modifier: number;
}

export interface CatalogType {
  /** `format_type` with modifiers. */
  readonly native: string;
  readonly kind: Kind;
  readonly element?: Kind;
  /** Between the elements of an array. */
  readonly delimiter: string;
  readonly labels?: readonly string[];
  readonly length?: number;
  readonly precision?: number;
  readonly scale?: number;
  /** Its values may be stored out of line. */
  readonly outOfLine: boolean;
  /** Bytes of every value; undefined: they differ. */
  readonly width?: number;
  /** Undefined: not known. */
  readonly growth?: Growth;
}

export interface CatalogTable {
  readonly oid: number;
  /** `r` plain, `p` partitioned, … */
  readonly relkind: string;
  /** `p` permanent, `u` unlogged, `t` temporary. */
  readonly persistence: string;
  /** `d` default, `n` nothing, `f` full, `i` index. */
  readonly identity: string;
  /** `generated`: streamed only where the publication says so. */
  readonly columns: readonly (WireColumn & {
    /** Of the column in the table: never used again for another. */
    readonly number: number;
    readonly notNull: boolean;
    /** It has a default, or is counted or generated: rows from before the column may hold something. */
    readonly filled: boolean;
    readonly generated: boolean;
    /** Generated when it is read: in no stream. */
    readonly virtual: boolean;
  })[];
  /** From version 18 on publications can have stored generated columns. */
  readonly canPublishGenerated: boolean;
  readonly storage: {
    /** Smallest `toast_tuple_target` that is set for it or one of its partitions; null: the default. */
    readonly toastTarget: number | null;
    readonly blockBytes: number;
    /** Of the database. */
    readonly encoding: string;
    readonly isHeap: boolean;
    /** None of its values lies out of line, nor did one since room was last given back. */
    readonly isAllInline: boolean;
    /** Given out so far, those of dropped columns too. */
    readonly columnNumbers: number;
  };
  /** Names in index order. */
  readonly primaryKey: readonly string[];
  readonly identityIndex: readonly string[];
  /** A partition that is identified in another way than the root says, so that its old rows cannot be read; or null. */
  readonly oddLeaf: string | null;
}

/** Runs a statement; a plain query or one inside a snapshot's transaction. */
export type Rows = <T extends object>(sql: string, values?: unknown[]) => Promise<T[]>;

/** A DEFERRABLE key identifies nothing: two rows may hold the same one for a while. */
const INDEX_COLUMNS = `
  ARRAY(SELECT a.attname::text FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place)
        JOIN pg_attribute a ON a.attnum = k.attnum
        WHERE i.indrelid = c.oid AND a.attrelid = c.oid AND k.place <= i.indnkeyatts AND i.%KIND% AND i.indisvalid AND i.indimmediate
        ORDER BY k.place)`;

/** The table, and of a partitioned one its partitions. */
const PARTS = `array_append(ARRAY(SELECT t.relid::oid FROM pg_partition_tree(c.oid) t), c.oid)`;

const TABLE_SQL = `
  SELECT c.oid::int8::text AS oid, c.relkind::text AS relkind, c.relpersistence::text AS persistence, c.relreplident::text AS identity,
    ${INDEX_COLUMNS.replace('%KIND%', 'indisprimary')} AS primary_key,
    ${INDEX_COLUMNS.replace('%KIND%', 'indisreplident')} AS identity_index,
    CASE WHEN c.relkind = 'p' THEN (
      SELECT min(l.oid::regclass::text) FROM pg_partition_tree(c.oid) t JOIN pg_class l ON l.oid = t.relid
      WHERE t.isleaf AND (l.relreplident <> c.relreplident OR c.relreplident = 'i' AND NOT EXISTS (
        SELECT 1 FROM pg_index li JOIN pg_index ri ON ri.indexrelid = pg_partition_root(li.indexrelid)
        WHERE li.indrelid = l.oid AND li.indisreplident AND ri.indisreplident))) END AS odd_leaf,
    json_build_object('blockBytes', current_setting('block_size')::int, 'columnNumbers', c.relnatts, 'encoding', current_setting('server_encoding'),
      'isHeap', NOT EXISTS (SELECT 1 FROM pg_class l JOIN pg_am m ON m.oid = l.relam WHERE l.oid = ANY(${PARTS}) AND m.amname <> 'heap'),
      'isAllInline', NOT EXISTS (SELECT 1 FROM pg_class l WHERE l.oid = ANY(${PARTS}) AND l.reltoastrelid <> 0 AND pg_relation_size(l.reltoastrelid) > 0),
      'toastTarget', (SELECT min(o.option_value::int) FROM pg_class l, pg_options_to_table(l.reloptions) o
        WHERE l.oid = ANY(${PARTS}) AND o.option_name = 'toast_tuple_target')) AS storage,
    (SELECT coalesce(json_agg(json_build_object('number', a.attnum, 'name', a.attname, 'type', a.atttypid::int8, 'modifier', a.atttypmod,
       'notNull', a.attnotnull, 'filled', a.atthasmissing OR a.atthasdef OR a.attidentity <> '', 'generated', a.attgenerated <> '', 'virtual', a.attgenerated = 'v') ORDER BY a.attnum), '[]')
     FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
    current_setting('server_version_num')::int >= 180000 AS can_publish_generated
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE `;

interface TableRow {
  readonly oid: string;
  readonly relkind: string;
  readonly persistence: string;
  readonly identity: string;
  readonly primary_key: string[];
  readonly identity_index: string[];
  readonly odd_leaf: string | null;
  readonly columns: CatalogTable['columns'];
  readonly can_publish_generated: boolean;
  readonly storage: CatalogTable['storage'];
}

/** By name, or by oid for a relation of the stream; undefined when it does not exist (any more). */
export async function catalogTable(rows: Rows, table: TableName | number): Promise<CatalogTable | undefined> {
  const found =
    typeof table === 'number'
      ? await rows<TableRow>(`${TABLE_SQL} c.oid = $1::int8::oid`, [table])
      : await rows<TableRow>(`${TABLE_SQL} n.nspname = $1 AND c.relname = $2`, [table.schema, table.table]);
  const [row] = found;
  if (row === undefined) return undefined;
  const { oid, relkind, persistence, identity, columns, storage } = row;
  return {
    oid: Number(oid),
    relkind,
    persistence,
    identity,
    columns,
    canPublishGenerated: row.can_publish_generated,
    storage,
    primaryKey: row.primary_key,
    identityIndex: row.identity_index,
    oddLeaf: row.odd_leaf,
  };
}

/** Domains are followed to their base; the element's type too. */
const TYPES_SQL = `
  WITH RECURSIVE asked AS (
    SELECT t AS oid, m AS modifier, place FROM unnest($1::int8[], $2::int4[]) WITH ORDINALITY AS a(t, m, place)
  ), base(place, oid, modifier) AS (
    SELECT place, oid::oid, modifier FROM asked
    UNION ALL
    SELECT b.place, t.typbasetype, t.typtypmod FROM base b JOIN pg_type t ON t.oid = b.oid WHERE t.typtype = 'd'
  ), resolved AS (
    SELECT a.place, format_type(a.oid::oid, a.modifier) AS native, t.*, b.modifier
    FROM asked a JOIN base b USING (place) JOIN pg_type t ON t.oid = b.oid AND t.typtype <> 'd'
  ), element(place, oid) AS (
    SELECT place, typelem FROM resolved WHERE typinput = 'array_in'::regproc
    UNION ALL
    SELECT e.place, t.typbasetype FROM element e JOIN pg_type t ON t.oid = e.oid WHERE t.typtype = 'd'
  )
  SELECT r.place::int, r.native, r.typname::text AS name, r.typtype::text AS type, r.modifier,
    r.typlen::int AS length, r.typstorage::text AS storage, e.typname::text AS element_name, e.typtype::text AS element_type, coalesce(e.typdelim, ',')::text AS delimiter,
    (SELECT json_agg(l.enumlabel ORDER BY l.enumsortorder) FROM pg_enum l WHERE l.enumtypid = coalesce(e.oid, r.oid)) AS labels
  FROM resolved r LEFT JOIN (element x JOIN pg_type e ON e.oid = x.oid AND e.typtype <> 'd') ON x.place = r.place
  ORDER BY r.place`;

interface TypeRow {
  readonly place: number;
  readonly native: string;
  readonly name: string;
  readonly type: string;
  readonly modifier: number;
  /** Bytes of every value; negative: they differ. */
  readonly length: number;
  /** `p`: never out of line. */
  readonly storage: string;
  readonly element_name: string | null;
  readonly element_type: string | null;
  readonly delimiter: string;
  readonly labels: string[] | null;
}

/** Of each column, in order; undefined for a type that was dropped. */
export async function catalogTypes(
  rows: Rows,
  columns: readonly WireColumn[],
): Promise<readonly (CatalogType | undefined)[]> {
  const found = await rows<TypeRow>(TYPES_SQL, [
    columns.map(({ type }) => type),
    columns.map(({ modifier }) => modifier),
  ]);
  const byPlace = new Map(found.map((row) => [row.place, row]));
  return columns.map((_, i) => {
    const row = byPlace.get(i + 1);
    return row === undefined ? undefined : typeOf(row);
  });
}

function typeOf(row: TypeRow): CatalogType {
  const { native, name, type, modifier, length, storage, element_name, element_type, delimiter, labels } = row;
  const growth = growthOf(name, element_name, element_type);
  const element = element_name === null ? undefined : kindOf(element_name, element_type ?? 'b');
  const kind = element === undefined ? kindOf(name, type) : 'array';
  return {
    native,
    kind,
    delimiter,
    outOfLine: length < 0 && storage !== 'p',
    ...(length < 0 ? {} : { width: length }),
    ...(growth === undefined ? {} : { growth }),
    ...(element === undefined ? {} : { element }),
    ...(labels === null ? {} : { labels }),
    ...(kind === 'array' ? {} : modifiersOf(name, kind, modifier)),
  };
}

/** A type that is gone, by its name. Undefined where the name does not tell how its text reads (arrays of dropped types). */
export function typeByName({
  schema,
  name,
}: {
  readonly schema: string;
  readonly name: string;
}): CatalogType | undefined {
  const ofServer = schema === 'pg_catalog';
  if (name.startsWith('_')) {
    const delimiter = name === '_box' ? ';' : ',';
    return ofServer
      ? { native: `${name.slice(1)}[]`, kind: 'array', element: kindOf(name.slice(1), 'b'), delimiter, outOfLine: true }
      : undefined;
  }
  return {
    native: ofServer ? name : `${schema}.${name}`,
    kind: ofServer ? kindOf(name, 'b') : 'other',
    delimiter: ',',
    outOfLine: true,
  };
}

const KINDS: Readonly<Record<string, Kind>> = {
  bool: 'bool',
  int2: 'int16',
  int4: 'int32',
  int8: 'int64',
  oid: 'int64',
  float4: 'float32',
  float8: 'float64',
  numeric: 'decimal',
  text: 'text',
  varchar: 'text',
  bpchar: 'text',
  name: 'text',
  char: 'text',
  citext: 'text',
  bytea: 'bytes',
  date: 'date',
  time: 'time',
  timetz: 'timetz',
  timestamp: 'timestamp',
  timestamptz: 'timestamptz',
  interval: 'interval',
  uuid: 'uuid',
  json: 'json',
  jsonb: 'json',
  bit: 'bits',
  varbit: 'bits',
  geometry: 'geometry',
  geography: 'geometry',
  vector: 'vector',
  halfvec: 'vector',
  sparsevec: 'vector',
};

const KINDS_OF_TYPTYPE: Readonly<Record<string, Kind>> = { e: 'enum', c: 'composite', r: 'range', m: 'range' };

function kindOf(name: string, typtype: string): Kind {
  const kind = Object.hasOwn(KINDS_OF_TYPTYPE, typtype) ? KINDS_OF_TYPTYPE[typtype] : undefined;
  return kind ?? (Object.hasOwn(KINDS, name) ? KINDS[name]! : 'other');
}

/** numeric: ((precision << 16) | (scale & 0x7ff)) + 4, the scale signed in 11 bits; text: characters + 4; bits: bits. */
function modifiersOf(
  name: string,
  kind: Kind,
  modifier: number,
): { length?: number; precision?: number; scale?: number } {
  if (modifier < 0) return {};
  if (kind === 'decimal') {
    const packed = modifier - 4;
    return { precision: (packed >> 16) & 0xffff, scale: ((packed & 0x7ff) ^ 1024) - 1024 };
  }
  if (name === 'varchar' || name === 'bpchar') return { length: modifier - 4 };
  return kind === 'bits' ? { length: modifier } : {};
}
