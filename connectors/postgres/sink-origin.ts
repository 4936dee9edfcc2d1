/**
 * Rows written under a replication origin (manual, 48.1): a source of this database with `origin: none` leaves them out, so that
 * two databases that are each other's copies do not send a change round for ever.
 */
import type pg from 'pg';
import { type Finding, TailraceError } from '../../src/sdk/index.ts';

const DUPLICATE = '42710';
const IN_USE = '55006';
/** All are used; the server is set to have none. */
const NONE_LEFT = ['53400', '55000'];
const DENIED = '42501';

const grantTo = (user: string) =>
  `GRANT EXECUTE ON FUNCTION pg_replication_origin_create(text), pg_replication_origin_session_setup(text) TO ${user};`;

/** For the rest of the session. Makes the origin if it is not there. @param user quoted, for the remedy */
export async function writeUnder(client: pg.Client, origin: string, user: string): Promise<void> {
  try {
    const { rowCount } = await client.query('SELECT FROM pg_replication_origin WHERE roname = $1', [origin]);
    if (rowCount === 0) await client.query('SELECT pg_replication_origin_create($1)', [origin]).catch(ignoreDuplicate);
    await client.query('SELECT pg_replication_origin_session_setup($1)', [origin]);
  } catch (error) {
    throw originError(error, origin, user);
  }
}

function ignoreDuplicate(error: unknown): void {
  if ((error as { code?: string }).code !== DUPLICATE) throw error;
}

function originError(error: unknown, origin: string, user: string): unknown {
  const { code, message } = error as { code?: string; message: string };
  if (code === IN_USE) {
    const words = `another connection writes under the replication origin ${origin}`;
    const remedy = 'give each sink an `origin` of its own; a connection that died is noticed within a minute';
    return new TailraceError('sink.unreachable', words, { remedy, detail: message });
  }
  if (code !== undefined && NONE_LEFT.includes(code)) {
    const remedy =
      'raise max_active_replication_origins (before version 18: max_replication_slots), then restart the server';
    return new TailraceError('sink.not_ready', 'the target has no replication origin left', {
      remedy,
      detail: message,
    });
  }
  if (code !== DENIED) return error;
  const words = `${user} may not write under a replication origin`;
  return new TailraceError('sink.not_ready', words, { remedy: grantTo(user), detail: message });
}

const ALLOWED_SQL = `SELECT bool_and(has_function_privilege(p.oid, 'EXECUTE')) AS allowed FROM pg_proc p
  WHERE p.proname IN ('pg_replication_origin_create', 'pg_replication_origin_session_setup')`;

/** What stands in the way. Changes nothing. */
export async function originFindings(client: pg.Client, user: string): Promise<Finding[]> {
  const { rows } = await client.query<{ allowed: boolean }>(ALLOWED_SQL);
  if (rows[0]!.allowed) return [];
  const message = `${user} may not write under a replication origin`;
  return [{ level: 'problem', message, remedy: grantTo(user), path: ['origin'] }];
}
