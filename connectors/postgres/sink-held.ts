/** What a target holds, whoever has written it. */
import type { HeldState, SinkOpenOptions } from '../../src/sdk/index.ts';
import { quoteIdentifier } from '../../src/sdk/sql-target/identifiers.ts';
import { VERSION_COLUMN } from '../../src/sdk/target/names.ts';
import { openClient } from './open-client.ts';
import { type SinkConfig, serviceSchema } from './sink-config.ts';
import { asSinkError } from './sink-errors.ts';

/** Tables of the database with versions; with a configured schema only of that one. */
const VERSIONED = `
  SELECT n.nspname AS schema, c.relname AS name, a.attname AS "column"
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
  WHERE c.relkind IN ('r', 'p') AND NOT a.attisdropped AND a.atttypid = 'int8'::regtype
    AND n.nspname NOT LIKE 'pg\\_%' AND ($1::text IS NULL OR n.nspname = $1)
    AND (a.attname = $2 OR c.relname IN ('_tr_deleted', '_tr_floor') AND a.attname = 'version')`;

export async function heldByPostgres({ config, id }: SinkOpenOptions<SinkConfig>): Promise<HeldState> {
  try {
    const client = await openClient({ url: config.url, side: 'sink', applicationName: `tailrace ${id}` });
    try {
      const { rows } = await client.query<{ schema: string; name: string; column: string }>(VERSIONED, [
        config.schema ?? null,
        VERSION_COLUMN,
      ]);
      let version: bigint | null = null;
      for (const { schema, name, column } of rows) {
        const from = `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
        const found = await client.query<{ n: string | null }>(
          `SELECT max(${quoteIdentifier(column)})::text AS n FROM ${from}`,
        );
        const highest = BigInt(found.rows[0]?.n ?? -1);
        if (highest >= 0n && (version === null || highest > version)) version = highest;
      }
      const offsets = `${quoteIdentifier(serviceSchema(config))}._tr_offsets`;
      const present = await client.query<{ there: boolean }>('SELECT to_regclass($1) IS NOT NULL AS there', [offsets]);
      if (present.rows[0]?.there !== true) return { version, epoch: 0, generation: 0 };
      const own = await client.query<{ epoch: string; generation: string }>(
        `SELECT coalesce(max(epoch), 0)::text AS epoch, coalesce(max(generation), 0)::text AS generation FROM ${offsets} WHERE sink = $1`,
        [id],
      );
      const { epoch, generation } = own.rows[0]!;
      return { version, epoch: Number(epoch), generation: Number(generation) };
    } finally {
      await client.end();
    }
  } catch (error) {
    throw asSinkError(error, { url: config.url });
  }
}
