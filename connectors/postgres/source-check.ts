/** Pre-flight of the source: what is missing, each with the exact SQL. Changes nothing. */
import type { Finding, TableDescription } from '../../src/sdk/index.ts';
import { catalogTable, type Rows } from './catalog.ts';
import { tableFindings } from './check-tables.ts';
import { connectReplication, SqlSession } from './connections.ts';
import { ddlTable } from './ddl-events.ts';
import { ddlFinding } from './ddl-trigger.ts';
import { describeTable } from './descriptions.ts';
import { failoverProblem } from './failover.ts';
import { identify } from './incarnation.ts';
import { messagesTable } from './logical-messages.ts';
import { managedService, SERVICE_ROLES } from './managed-services.ts';
import {
  databaseTables,
  publicationOf,
  quoteLiteral,
  quoteName,
  type SourceOptions,
  slotOf,
  tableName,
} from './names.ts';
import { originProblem } from './protocol-options.ts';
import {
  type CapturedTable,
  createPublicationSql,
  findPublication,
  type Publication,
  publishedTable,
} from './publication.ts';
import { generatedProblem, publicationProblem } from './publication-problems.ts';
import { refusedTables } from './refused-tables.ts';
import { placeOf } from './sink-errors.ts';
import { findSlot, type Slot } from './slot.ts';
import { asSourceError } from './source-errors.ts';

const OLDEST_VERSION = 140_000;
/** The first that was not there to be tried. */
const UNKNOWN_VERSION = 190_000;
const DECODING_STANDBY_VERSION = 160_000;

interface Facts {
  readonly version: number;
  readonly version_text: string;
  readonly user: string;
  readonly database: string;
  readonly wal_level: string;
  readonly standby: boolean;
  readonly feedback: boolean;
  readonly replication: boolean;
  readonly superuser: boolean;
  readonly may_create: boolean;
  readonly slots: number;
  readonly max_slots: number;
  readonly senders: number;
  readonly max_senders: number;
  readonly idle_timeout: string | null;
  /** Of `SERVICE_ROLES`, those that are there. */
  readonly service_roles: string[];
}

/** `pg_has_role` of a role that does not exist is an error, so managed services' roles are looked up first. */
const FACTS_SQL = `
  SELECT current_setting('server_version_num')::int AS version, current_setting('server_version') AS version_text,
    quote_ident(current_user) AS user, quote_ident(current_database()) AS database,
    current_setting('wal_level') AS wal_level, pg_is_in_recovery() AS standby,
    current_setting('hot_standby_feedback')::bool AS feedback,
    r.rolreplication OR r.rolsuper OR EXISTS (
      SELECT FROM pg_roles m WHERE m.rolname = 'rds_replication' AND pg_has_role(current_user, m.oid, 'MEMBER')) AS replication,
    r.rolsuper AS superuser, has_database_privilege(current_database(), 'CREATE') AS may_create,
    (SELECT count(*)::int FROM pg_replication_slots) AS slots, current_setting('max_replication_slots')::int AS max_slots,
    (SELECT count(*)::int FROM pg_stat_replication) AS senders, current_setting('max_wal_senders')::int AS max_senders,
    nullif(current_setting('idle_replication_slot_timeout', true), '0') AS idle_timeout,
    ARRAY(SELECT m.rolname::text FROM pg_roles m WHERE m.rolname = ANY($1)) AS service_roles
  FROM pg_roles r WHERE r.rolname = current_user`;

export async function checkSource(options: SourceOptions): Promise<readonly Finding[]> {
  const sql = new SqlSession(options);
  try {
    const [facts] = await sql.rows<Facts>(FACTS_SQL, [SERVICE_ROLES]);
    const findings = serverFindings(facts!);
    const origin = originProblem(options, facts!.version);
    const failover = failoverProblem(options, facts!.version);
    if (failover !== null) findings.push(problem(failover.message, failover.remedy, 'failover'));
    if (origin !== null) findings.push(problem(origin.message, origin.remedy, 'origin'));
    const slot = await findSlot(sql, slotOf(options));
    findings.push(...(slot === undefined ? headroom(facts!) : slotFindings(slot, slotOf(options))));
    findings.push(...(await replicationFindings(options, facts!)));
    findings.push(...(await ddlFinding(options, sql)));
    const { tables, findings: found } = await tableFindings(options, sql, facts!.user);
    findings.push(...found, ...(await publicationFindings(options, sql, facts!, tables)));
    const service = managedService(facts!.service_roles);
    const ok = `PostgreSQL ${facts!.version_text}${service === null ? '' : ` of ${service.name}`} at ${placeOf(options.config.url)}, role ${facts!.user}`;
    return [{ level: 'ok', message: ok, path: ['url'] }, ...findings];
  } catch (error) {
    const { code, message, remedy } = asSourceError(error, options.config.url);
    return [{ ...problem(message, remedy ?? 'try again when the server answers', 'url'), code }];
  } finally {
    await sql.close();
  }
}

/** The tables as the stream will describe them. */
export async function describeSource(options: SourceOptions): Promise<readonly TableDescription[]> {
  const sql = new SqlSession(options);
  const rows: Rows = (text, values) => sql.rows(text, values);
  try {
    const publication = await findPublication(sql, publicationOf(options).name);
    const found = [messagesTable(options), ddlTable(options)].filter((table) => table !== null);
    for (const label of databaseTables(options)) {
      const name = tableName(label);
      const catalog = await catalogTable(rows, name);
      if (catalog === undefined) continue;
      const published = publishedTable(publication, { ...name, catalog });
      const described = await describeTable(rows, options.name, name, published?.columns ?? null);
      if (described !== undefined) found.push(described.description);
    }
    return found;
  } finally {
    await sql.close();
  }
}

function problem(message: string, remedy: string, key: string): Finding {
  return { level: 'problem', message, remedy, path: [key] };
}

function warning(message: string, remedy: string, key: string): Finding {
  return { level: 'warning', message, remedy, path: [key] };
}

function serverFindings(facts: Facts): Finding[] {
  const { version, version_text, wal_level, user, idle_timeout } = facts;
  const service = managedService(facts.service_roles);
  const found: Finding[] = [];
  if (version < OLDEST_VERSION) {
    found.push(problem(`PostgreSQL ${version_text} is older than 14`, 'upgrade the server', 'url'));
  }
  if (version >= UNKNOWN_VERSION) {
    found.push(warning(`PostgreSQL ${version_text} is newer than this version knows`, 'upgrade Tailrace', 'url'));
  }
  if (wal_level !== 'logical') {
    const remedy = service?.decoding ?? 'ALTER SYSTEM SET wal_level = logical; then restart the server';
    found.push(problem(`wal_level is ${wal_level}, changes cannot be decoded`, remedy, 'url'));
  }
  if (!facts.replication) {
    const remedy = service?.replication(user) ?? `ALTER ROLE ${user} REPLICATION;`;
    found.push(problem(`${user} may not use replication`, remedy, 'url'));
  }
  if (facts.standby && version < DECODING_STANDBY_VERSION) {
    found.push(problem('the server is a standby', 'name the primary in `url` of the source', 'url'));
  }
  if (facts.standby && version >= DECODING_STANDBY_VERSION && !facts.feedback) {
    const remedy =
      'ALTER SYSTEM SET hot_standby_feedback = on; SELECT pg_reload_conf(); with primary_slot_name set, so that it holds while the standby is away';
    found.push(
      warning('the primary may remove rows that the slot on this standby needs, and so lose it', remedy, 'url'),
    );
  }
  if (idle_timeout !== null) {
    const remedy = 'ALTER SYSTEM SET idle_replication_slot_timeout = 0; SELECT pg_reload_conf();';
    found.push(warning(`the slot is lost when Tailrace is down for longer than ${idle_timeout}`, remedy, 'url'));
  }
  return found;
}

/** A connection pooler may stand before the server, which takes statements and no replication. */
async function replicationFindings(options: SourceOptions, facts: Facts): Promise<Finding[]> {
  // Without these it cannot be tried, and they are told of.
  if (!facts.replication || facts.senders >= facts.max_senders) return [];
  try {
    const client = await connectReplication(options);
    try {
      await identify(client);
    } finally {
      await client.end();
    }
    return [];
  } catch (error) {
    const { message, remedy } = asSourceError(error, options.config.url);
    const direct = managedService(facts.service_roles)?.direct;
    const hint = direct === undefined ? '' : `: ${direct}`;
    return [problem(message, `${remedy ?? 'name the server itself in `url` of the source'}${hint}`, 'url')];
  }
}

function slotFindings(slot: Slot, name: string): Finding[] {
  if (!slot.ours) {
    return [problem(`the replication slot ${name} belongs to something else`, 'set another `slot`', 'slot')];
  }
  const drop = `SELECT pg_drop_replication_slot(${quoteLiteral(name).trim()});`;
  if (slot.status === 'lost') {
    const remedy = `set \`on_gap: resnapshot\` on the source; if nothing was captured yet: ${drop}`;
    return [problem(`the replication slot ${name} was invalidated by the server`, remedy, 'url')];
  }
  if (slot.status !== 'unreserved') return [];
  const remedy = 'start Tailrace, or raise max_slot_wal_keep_size until it has caught up';
  return [warning(`the replication slot ${name} is about to be invalidated`, remedy, 'url')];
}

function headroom({ slots, max_slots, senders, max_senders }: Facts): Finding[] {
  const found: Finding[] = [];
  if (slots >= max_slots) {
    const remedy = `ALTER SYSTEM SET max_replication_slots = ${max_slots + 5}; then restart the server, or drop a slot that nobody reads`;
    found.push(problem(`all ${max_slots} replication slots are used`, remedy, 'url'));
  }
  if (senders >= max_senders) {
    const remedy = `ALTER SYSTEM SET max_wal_senders = ${max_senders + 5}; then restart the server`;
    found.push(problem(`all ${max_senders} WAL senders are used`, remedy, 'url'));
  }
  return found;
}

async function publicationFindings(
  options: SourceOptions,
  sql: SqlSession,
  facts: Facts,
  tables: readonly CapturedTable[],
): Promise<Finding[]> {
  const { name, managed } = publicationOf(options);
  const publication = await findPublication(sql, name);
  const refused = publication === undefined ? [] : await refusedFinding(sql, publication, tables);
  const found = publicationProblem(name, publication, tables);
  if (found === null || tables.length === 0) return refused;
  if (!managed) return [problem(found.message, found.remedy, 'publication'), ...refused];
  if (facts.standby) {
    const alter =
      publication === undefined
        ? createPublicationSql(name, tables)
        : `DROP PUBLICATION ${quoteName(name)}; ${createPublicationSql(name, tables)}`;
    return [
      problem(
        `the publication ${name} is not as needed, and a standby cannot make it`,
        `on the primary: ${alter}`,
        'url',
      ),
    ];
  }
  const generated = generatedProblem(name, publication, tables);
  if (generated !== null) return [problem(generated.message, generated.remedy, 'tables')];
  if (facts.superuser || (await mayMake(sql, facts, publication, tables))) return [];
  const message = `${facts.user} may not make the publication: it needs CREATE on ${facts.database} and to own the tables`;
  const remedy = `as a superuser: ${createPublicationSql(name, tables)} then set \`publication: ${name}\` on the source`;
  return [problem(message, remedy, 'url')];
}

/** A warning: what the application cannot do with tables that are not captured does not hold up the capture. */
async function refusedFinding(
  sql: SqlSession,
  publication: Publication,
  tables: readonly CapturedTable[],
): Promise<Finding[]> {
  const refused = await refusedTables((text, values) => sql.rows(text, values), publication, tables);
  return refused === null ? [] : [warning(refused.message, refused.remedy, 'publication')];
}

/** Makes one, or alters the one that is there: both need the tables' ownership. */
async function mayMake(
  sql: SqlSession,
  { may_create }: Facts,
  publication: Publication | undefined,
  tables: readonly CapturedTable[],
): Promise<boolean> {
  const [owned] = await sql.rows<{ tables: boolean; publication: boolean | null }>(
    `SELECT (SELECT bool_and(pg_has_role(c.relowner, 'USAGE')) FROM pg_class c WHERE c.oid = ANY($1::int8[]::oid[])) AS tables,
       (SELECT pg_has_role(p.pubowner, 'USAGE') FROM pg_publication p WHERE p.oid = $2::int8::oid) AS publication`,
    [tables.map(({ catalog }) => catalog.oid), publication?.oid ?? '0'],
  );
  return owned!.tables && (publication === undefined ? may_create : owned!.publication === true);
}
