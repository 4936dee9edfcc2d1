/** Settings of the server without which its binary log does not tell all, each with the statement that mends it. */
import type { SqlSession } from './connections.ts';
import { type ServerFacts, statusSql } from './server.ts';

export interface Problem {
  readonly message: string;
  readonly remedy: string;
}

const OLDEST = { mysql: 800, mariadb: 1006 } as const;
const NAMES = { mysql: 'MySQL', mariadb: 'MariaDB' } as const;

/** What cannot be captured from; empty when all is well. */
export function serverProblems({ flavor, release, version, variables }: ServerFacts): Problem[] {
  const found: Problem[] = [];
  const set = flavor === 'mysql' ? 'SET PERSIST' : 'SET GLOBAL';
  const wanted = (name: string, value: string, why: string) => {
    const now = variables.get(name);
    if (now === undefined || now.toUpperCase() === value.toUpperCase()) return;
    const quoted = value === '' ? "''" : value;
    found.push({ message: `${name} is ${now === '' ? 'empty' : now}: ${why}`, remedy: remedyOf(set, name, quoted) });
  };
  if (release < OLDEST[flavor]) {
    const oldest = flavor === 'mysql' ? '8.0' : '10.6';
    found.push({ message: `${NAMES[flavor]} ${version} is older than ${oldest}`, remedy: 'upgrade the server' });
  }
  if (variables.get('log_bin') !== 'ON') {
    found.push({
      message: 'the server writes no binary log',
      remedy: 'set log_bin in the server’s configuration, then restart it',
    });
  }
  if ((variables.get('server_id') ?? '0') === '0') {
    found.push({
      message: 'server_id is 0: the server sends its binary log to nobody',
      remedy: remedyOf(set, 'server_id', '1'),
    });
  }
  wanted('binlog_format', 'ROW', 'changes are written as statements');
  wanted('binlog_row_image', 'FULL', 'rows are written without all of their columns');
  if (variables.get('binlog_row_metadata') === 'NO_LOG') {
    wanted('binlog_row_metadata', 'FULL', 'rows are written without what their columns are');
  }
  if (!variables.has('binlog_row_metadata') && found.length === 0) {
    found.push({
      message: 'the server cannot write the names of columns (binlog_row_metadata)',
      remedy: 'upgrade the server',
    });
  }
  return found;
}

/** Changes that the server does not write into its log at all, by its filters or because they come from another server. */
export async function unloggedProblems(
  sql: SqlSession,
  facts: ServerFacts,
  schemas: readonly string[],
): Promise<Problem[]> {
  const [status] = await sql.rows<{ Binlog_Do_DB: string; Binlog_Ignore_DB: string }>(statusSql(facts));
  const listed = (text: string | undefined) => (text ?? '').split(',').filter((name) => name !== '');
  const only = listed(status?.Binlog_Do_DB);
  const without = listed(status?.Binlog_Ignore_DB);
  const found = [...new Set(schemas)]
    .filter((schema) => without.includes(schema) || (only.length > 0 && !only.includes(schema)))
    .map((schema) => ({
      message: `changes of the database ${schema} are left out of the binary log (binlog_do_db, binlog_ignore_db)`,
      remedy: 'change the filter in the server’s configuration, then restart it',
    }));
  const { flavor, variables } = facts;
  const kept = variables.get('log_replica_updates') ?? variables.get('log_slave_updates');
  const replica = flavor === 'mysql' ? 'SHOW REPLICA STATUS' : 'SHOW ALL SLAVES STATUS';
  // Who may not ask is not told: a replica that keeps its own changes only cannot be told from a primary then.
  if (kept === 'OFF' && (await sql.rows(replica).catch(() => [])).length > 0) {
    found.push({
      message: 'the server is a replica and does not write the changes of its primary into its own binary log',
      remedy: `set ${flavor === 'mysql' ? 'log_replica_updates' : 'log_slave_updates'} = ON in its configuration, then restart it`,
    });
  }
  return found;
}

/** MariaDB forgets what was set when it restarts. */
function remedyOf(set: string, name: string, value: string): string {
  const sql = `${set} ${name} = ${value};`;
  return set === 'SET PERSIST' ? sql : `${sql} and ${name} = ${value} in the server’s configuration`;
}

/** Seconds for which binary logs are kept; null: for ever. */
export function retentionSeconds({ variables }: ServerFacts): number | null {
  const seconds = Number(variables.get('binlog_expire_logs_seconds') ?? 0);
  const days = Number(variables.get('expire_logs_days') ?? 0);
  const kept = seconds > 0 ? seconds : days * 86_400;
  return kept > 0 ? kept : null;
}
