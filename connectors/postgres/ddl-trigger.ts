/**
 * Event triggers that write what DDL says into the write-ahead log, as a logical message of the transaction that does it. They
 * never make a statement of the application fail.
 */
import { createHash } from 'node:crypto';
import type { Finding } from '../../src/sdk/index.ts';
import type { SqlSession } from './connections.ts';
import { quoteLiteral, quoteName, type SourceOptions, slotOf } from './names.ts';

const MAX_BYTES = 63;
const LONGEST_SUFFIX = '_ddl_drop'.length;

/** What the texts of these say holds no secrets: servers, user mappings, subscriptions and roles are left out. */
const KINDS = ['TABLE', 'TYPE', 'DOMAIN', 'INDEX', 'SCHEMA', 'VIEW', 'MATERIALIZED VIEW', 'SEQUENCE'];
const MADE = KINDS.flatMap((kind) => [`CREATE ${kind}`, `ALTER ${kind}`]).filter((tag) => tag !== 'ALTER SCHEMA');
const COMMANDS = [...MADE, 'CREATE TABLE AS', 'SELECT INTO', 'COMMENT'];
const DROPS = KINDS.map((kind) => `DROP ${kind}`);

/** Of the messages of this source's triggers: several sources of one database have their own. */
export const ddlPrefix = (options: SourceOptions): string => `tailrace.ddl.${slotOf(options)}`;

/** Prefix of those of all sources. */
export const DDL_PREFIX = 'tailrace.ddl.';

interface Names {
  /** Function, and trigger of what is made and altered. */
  readonly made: string;
  readonly dropped: string;
}

function namesOf(options: SourceOptions): Names {
  const slot = slotOf(options);
  const hash = createHash('sha256').update(slot).digest('hex').slice(0, 8);
  const fits = slot.length + LONGEST_SUFFIX <= MAX_BYTES;
  const base = fits ? slot : `${slot.slice(0, MAX_BYTES - LONGEST_SUFFIX - 9)}_${hash}`;
  return { made: `${base}_ddl`, dropped: `${base}_ddl_drop` };
}

/**
 * `objects`: identities as PostgreSQL writes them. UTF-8 whatever the database has. The message is written outside of the block
 * that catches: the server gives out what a subtransaction wrote behind what the transaction itself wrote.
 */
const body = (prefix: string): string => `
DECLARE
  found jsonb;
  content bytea;
BEGIN
  BEGIN
    IF tg_event = 'sql_drop' THEN
      SELECT jsonb_agg(object_identity) INTO found FROM pg_event_trigger_dropped_objects() WHERE original AND NOT is_temporary;
    ELSE
      SELECT jsonb_agg(DISTINCT object_identity) INTO found FROM pg_event_trigger_ddl_commands()
      WHERE NOT in_extension AND coalesce(schema_name, '') NOT LIKE 'pg_temp%';
    END IF;
    content := convert_to(jsonb_build_object('tag', tg_tag, 'objects', found, 'text', current_query())::text, 'UTF8');
  EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'tailrace: this DDL is not captured: %', SQLERRM;
    RETURN;
  END;
  IF found IS NOT NULL THEN
    PERFORM pg_logical_emit_message(true, ${quoteLiteral(prefix)}, content);
  END IF;
END`;

/** What makes the triggers, a statement each. */
export function createTriggersSql(options: SourceOptions): readonly string[] {
  const { made, dropped } = namesOf(options);
  const call = `public.${quoteName(made)}()`;
  const tags = (list: readonly string[]) => list.map((tag) => quoteLiteral(tag).trim()).join(', ');
  return [
    `CREATE OR REPLACE FUNCTION ${call} RETURNS event_trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $tailrace$${body(ddlPrefix(options))}$tailrace$`,
    `DROP EVENT TRIGGER IF EXISTS ${quoteName(made)}`,
    `CREATE EVENT TRIGGER ${quoteName(made)} ON ddl_command_end WHEN TAG IN (${tags(COMMANDS)}) EXECUTE FUNCTION ${call}`,
    `DROP EVENT TRIGGER IF EXISTS ${quoteName(dropped)}`,
    `CREATE EVENT TRIGGER ${quoteName(dropped)} ON sql_drop WHEN TAG IN (${tags(DROPS)}) EXECUTE FUNCTION ${call}`,
  ];
}

/** Both triggers are there and fire. */
export async function hasTriggers(options: SourceOptions, sql: SqlSession): Promise<boolean> {
  const { made, dropped } = namesOf(options);
  const found = await sql.rows(`SELECT FROM pg_event_trigger WHERE evtname = ANY($1) AND evtenabled IN ('O', 'A')`, [
    [made, dropped],
  ]);
  return found.length === 2;
}

/** May the role make them? Event triggers are a superuser's, or a managed service's administrator's. */
export async function mayMakeTriggers(sql: SqlSession): Promise<boolean> {
  const [row] = await sql.rows<{ may: boolean }>(
    `SELECT rolsuper OR EXISTS (SELECT FROM pg_roles m WHERE m.rolname IN ('rds_superuser', 'cloudsqlsuperuser', 'azure_pg_admin')
       AND pg_has_role(current_user, m.oid, 'MEMBER')) AS may FROM pg_roles WHERE rolname = current_user`,
  );
  return row!.may;
}

/** Makes the triggers where they are missing and the role may; otherwise says what has to be run. */
export async function ensureTriggers(options: SourceOptions, sql: SqlSession): Promise<void> {
  if (options.config.ddl === undefined || (await hasTriggers(options, sql))) return;
  const { log } = options.context;
  const statements = createTriggersSql(options);
  if (options.config.ddl.create === 'auto' && (await mayMakeTriggers(sql))) {
    for (const statement of statements) await sql.rows(statement);
    log('info', 'event triggers made: DDL is captured with its text', { source: options.name });
    return;
  }
  log('warn', 'DDL is not captured: its event triggers are not there', {
    source: options.name,
    remedy: '`tailrace check` prints what a superuser has to run',
  });
}

/** What has to be run, where the source cannot make its triggers itself. */
export async function ddlFinding(options: SourceOptions, sql: SqlSession): Promise<Finding[]> {
  const { ddl } = options.config;
  if (ddl === undefined || (await hasTriggers(options, sql))) return [];
  if (ddl.create === 'auto' && (await mayMakeTriggers(sql))) return [];
  const remedy = `as superuser: ${createTriggersSql(options).join(';\n')};`;
  return [{ level: 'problem', message: 'the event triggers that capture DDL are not there', remedy, path: ['ddl'] }];
}

/** Drops what `ensureTriggers` made; nothing where nothing is. */
export async function dropTriggers(options: SourceOptions, sql: SqlSession): Promise<void> {
  const { made, dropped } = namesOf(options);
  const found = await sql.rows(`SELECT FROM pg_event_trigger WHERE evtname = ANY($1)`, [[made, dropped]]);
  const functions = await sql.rows(
    `SELECT FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname = $1 AND prorettype = 'event_trigger'::regtype`,
    [made],
  );
  if (found.length + functions.length === 0) return;
  for (const name of [made, dropped]) await sql.rows(`DROP EVENT TRIGGER IF EXISTS ${quoteName(name)}`);
  await sql.rows(`DROP FUNCTION IF EXISTS public.${quoteName(made)}()`);
}
