/** Opens and checks the `postgres` sink. */
import type pg from 'pg';
import { type Finding, type OpenSink, type SinkOpenOptions, TailraceError } from '../../src/sdk/index.ts';
import { quoteIdentifier } from '../../src/sdk/sql-target/identifiers.ts';
import { openClient } from './open-client.ts';
import { type SinkConfig, serviceSchema } from './sink-config.ts';
import { asSinkError, placeOf } from './sink-errors.ts';
import { createServiceTables, TargetOffsets } from './sink-offsets.ts';
import { originFindings, writeUnder } from './sink-origin.ts';
import { RowApplier } from './sink-rows.ts';
import { serviceTables } from './sink-statements.ts';
import { TargetTables } from './sink-tables.ts';
import { PostgresSink } from './sink-writer.ts';

/** hashtextextended; older ones are out of support anyway. */
const OLDEST_VERSION = 120_000;

export async function openSink(options: SinkOpenOptions<SinkConfig>): Promise<OpenSink> {
  const { config, context } = options;
  const client = await connect(options);
  const schema = serviceSchema(config);
  const services = serviceTables(schema);
  const place = { url: config.url };
  try {
    const { rows } = await client.query<{ user: string }>('SELECT quote_ident(current_user) AS user');
    const user = rows[0]!.user;
    if (config.origin !== undefined) await writeUnder(client, config.origin, user);
    await createServiceTables(client, schema, services).catch((error) => {
      throw asCreateError(error, { ...place, user }, schema);
    });
    const offsets = new TargetOffsets(client, services, options);
    const resume = await offsets.load();
    const tables = new TargetTables(client, config, context.log);
    const applier = new RowApplier(client, services, context);
    const sink = new PostgresSink({
      client,
      tables,
      offsets,
      rows: applier,
      mode: config.mode,
      place: { ...place, user },
      context,
    });
    return { sink, resume };
  } catch (error) {
    await client.end().catch(() => {});
    throw asSinkError(error, place);
  }
}

async function connect({ config, id }: SinkOpenOptions<SinkConfig>): Promise<pg.Client> {
  try {
    return await openClient({ url: config.url, side: 'sink', applicationName: `tailrace ${id}` });
  } catch (error) {
    throw asSinkError(error, { url: config.url });
  }
}

function asCreateError(error: unknown, place: { url: string; user: string }, schema: string): TailraceError {
  const typed = asSinkError(error, place);
  if (typed.code !== 'sink.not_ready') return typed;
  const message = `the tables _tr_offsets, _tr_deleted and _tr_floor cannot be created in schema ${schema} at ${placeOf(place.url)}`;
  const remedy = `GRANT USAGE, CREATE ON SCHEMA ${quoteIdentifier(schema)} TO ${place.user};`;
  return new TailraceError('sink.not_ready', message, { remedy, ...(typed.detail && { detail: typed.detail }) });
}

interface Facts {
  readonly user: string;
  readonly database: string;
  readonly version: number;
  readonly standby: boolean;
  readonly readonly: boolean;
  readonly encoding: string;
  readonly schema_there: boolean;
  readonly in_schema: boolean;
  readonly in_database: boolean;
  readonly services_there: boolean;
}

const FACTS_SQL = `
  SELECT quote_ident(current_user) AS user, quote_ident(current_database()) AS database,
    current_setting('server_version_num')::int AS version, pg_is_in_recovery() AS standby,
    current_setting('default_transaction_read_only')::bool AS readonly,
    current_setting('server_encoding') AS encoding, n.oid IS NOT NULL AS schema_there,
    coalesce(has_schema_privilege(n.oid, 'CREATE') AND has_schema_privilege(n.oid, 'USAGE'), false) AS in_schema,
    has_database_privilege(current_database(), 'CREATE') AS in_database,
    (SELECT count(*) = 3 FROM pg_class c WHERE c.relnamespace = n.oid
      AND c.relname IN ('_tr_offsets', '_tr_deleted', '_tr_floor')) AS services_there
  FROM (SELECT 1) one LEFT JOIN pg_namespace n ON n.nspname = $1`;

/** Reachability, version, privileges. Changes nothing. */
export async function checkSink(options: SinkOpenOptions<SinkConfig>): Promise<readonly Finding[]> {
  const { config } = options;
  const schema = serviceSchema(config);
  const path = ['url'];
  let client: pg.Client | undefined;
  try {
    client = await connect(options);
    const { rows } = await client.query<Facts>(FACTS_SQL, [schema]);
    const problems: Finding[] = findings(rows[0]!, schema).map((finding) => ({ ...finding, path }));
    if (config.origin !== undefined) problems.push(...(await originFindings(client, rows[0]!.user)));
    if (problems.some(({ level }) => level === 'problem')) return problems;
    return [...problems, { level: 'ok', message: `PostgreSQL at ${placeOf(config.url)} accepts tables` }];
  } catch (error) {
    const { code, message, remedy } = asSinkError(error, { url: config.url });
    return [{ level: 'problem', message, remedy: remedy ?? 'try again when the server answers', path, code }];
  } finally {
    await client?.end().catch(() => {});
  }
}

function findings(facts: Facts, schema: string): Finding[] {
  const found: Finding[] = [];
  const problem = (message: string, remedy: string) => found.push({ level: 'problem', message, remedy });
  const { user, database } = facts;
  const quoted = quoteIdentifier(schema);
  if (facts.version < OLDEST_VERSION) {
    problem('the target is older than PostgreSQL 12', 'upgrade the target server');
  }
  if (facts.standby) problem('the target is a standby and read-only', 'name the primary server in `url`');
  else if (facts.readonly) {
    problem(`${user} only has read-only transactions`, `ALTER ROLE ${user} SET default_transaction_read_only = off;`);
  }
  if (!facts.schema_there && !facts.in_database) {
    problem(
      `schema ${schema} does not exist and ${user} may not create it`,
      `CREATE SCHEMA ${quoted} AUTHORIZATION ${user};`,
    );
  }
  if (facts.schema_there && !facts.in_schema) {
    const grant = `GRANT USAGE, CREATE ON SCHEMA ${quoted} TO ${user};`;
    if (!facts.services_there) problem(`${user} may not create tables in schema ${schema}`, grant);
    else
      found.push({ level: 'warning', message: `${user} cannot create new tables in schema ${schema}`, remedy: grant });
  }
  if (facts.encoding !== 'UTF8') {
    const message = `the database is encoded in ${facts.encoding}: text outside of it is refused`;
    found.push({ level: 'warning', message, remedy: `CREATE DATABASE … ENCODING 'UTF8'; instead of ${database}` });
  }
  return found;
}
