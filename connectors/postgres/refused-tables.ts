/** Tables that nobody captures and whose UPDATE and DELETE fail all the same, because the publication has them. */
import type { Rows } from './catalog.ts';
import { quoteName } from './names.ts';
import type { CapturedTable, Publication } from './publication.ts';
import type { Problem } from './publication-problems.ts';

/** Names of an index's columns, of the relation `l`; null without such an index. */
const INDEX = (kind: string) => `
  (SELECT array_agg(a.attname::text) FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place)
   JOIN pg_attribute a ON a.attnum = k.attnum
   WHERE i.indrelid = l.oid AND a.attrelid = l.oid AND k.place <= i.indnkeyatts AND i.${kind} AND i.indisvalid AND i.indimmediate)`;

/** Published tables, with a partition for each of a partitioned one; of each what identifies its rows. */
const REFUSED_SQL = `
  WITH published AS (
    SELECT c.oid, n.nspname || '.' || c.relname AS label, r.oid IS NOT NULL AS direct, to_jsonb(p) -> 'attnames' AS columns, to_jsonb(r) ->> 'prattrs' IS NOT NULL AS listed,
      ARRAY(SELECT m[1]::int FROM regexp_matches(to_jsonb(r) ->> 'prqual', ':varattno (\\d+)', 'g') m) AS filter
    FROM pg_publication_tables p JOIN pg_namespace n ON n.nspname = p.schemaname
    JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename
    LEFT JOIN pg_publication_rel r ON r.prpubid = $1::int8::oid AND r.prrelid = c.oid
    WHERE p.pubname = $2 AND NOT c.oid = ANY($3::int8[]::oid[])
  ), leaf AS (
    SELECT p.label, p.oid AS root, p.direct, p.columns, p.listed, l.oid, l.relreplident AS identity,
      CASE l.relreplident WHEN 'd' THEN ${INDEX('indisprimary')} WHEN 'i' THEN ${INDEX('indisreplident')}
        WHEN 'f' THEN (SELECT array_agg(a.attname::text) FROM pg_attribute a WHERE a.attrelid = l.oid AND a.attnum > 0 AND NOT a.attisdropped) END AS keys,
      ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = p.oid AND a.attnum = ANY(p.filter)) AS filter
    FROM published p LEFT JOIN LATERAL pg_partition_tree(p.oid) t ON t.isleaf JOIN pg_class l ON l.oid = coalesce(t.relid, p.oid)
    WHERE l.relkind <> 'p'
  )
  SELECT label, direct, root::regclass::text AS quoted, oid::regclass::text AS leaf, refused, unsent FROM leaf,
    LATERAL (SELECT keys IS NULL OR identity = 'f' AND listed OR identity <> 'f' AND NOT filter <@ keys
      OR identity <> 'f' AND listed AND EXISTS (SELECT FROM unnest(keys) k WHERE NOT columns ? k) AS refused) r,
    LATERAL (SELECT current_setting('server_version_num')::int >= 180000 AND EXISTS (
      SELECT FROM pg_attribute a WHERE a.attrelid = leaf.oid AND a.attgenerated <> '' AND a.attname = ANY(keys) AND NOT columns ? a.attname::text) AS unsent) u
  WHERE refused OR unsent ORDER BY label, leaf`;

interface Refused {
  readonly label: string;
  /** Named in the publication itself: not by its schema, nor by FOR ALL TABLES. */
  readonly direct: boolean;
  readonly quoted: string;
  /** The partition, or the table itself. */
  readonly leaf: string;
  /** For its identity, a list or a filter; otherwise for generated columns only. */
  readonly refused: boolean;
}

const MAX_NAMED = 5;

/** Other tables of the publication whose UPDATE and DELETE the server refuses because they are published as they are. */
export async function refusedTables(
  rows: Rows,
  { oid, name }: Publication,
  captured: readonly CapturedTable[],
): Promise<Problem | null> {
  const oids = captured.map(({ catalog }) => catalog.oid);
  const found = await rows<Refused>(REFUSED_SQL, [oid, name, oids]);
  if (found.length === 0) return null;
  const labels = [...new Set(found.map(({ label }) => label))];
  const more = labels.length > MAX_NAMED ? ` and ${labels.length - MAX_NAMED} more` : '';
  const message = `the publication ${name} makes UPDATE and DELETE of tables fail that are not captured: ${labels.slice(0, MAX_NAMED).join(', ')}${more}`;
  return { message, remedy: remedyOf(name, found) };
}

function remedyOf(publication: string, found: readonly Refused[]): string {
  const alter = `ALTER PUBLICATION ${quoteName(publication)}`;
  const dropped = new Set(found.filter(({ direct }) => direct).map(({ quoted }) => quoted));
  const others = found.filter(({ direct }) => !direct);
  const lasting = new Set(others.filter(({ refused }) => refused).map(({ leaf }) => leaf));
  return [
    ...(dropped.size > 0 ? [`${alter} DROP TABLE ${[...dropped].join(', ')};`] : []),
    ...[...lasting].map((leaf) => `ALTER TABLE ${leaf} REPLICA IDENTITY FULL;`),
    ...(others.some(({ refused }) => !refused) ? [`${alter} SET (publish_generated_columns = stored);`] : []),
  ].join(' ');
}
