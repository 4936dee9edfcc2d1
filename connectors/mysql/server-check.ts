/** Settings of the server without which its binary log does not tell all, each with the statement that mends it. */
import type { ServerFacts } from './server.ts';

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
  wanted('binlog_row_metadata', 'FULL', 'rows are written without the names of their columns');
  wanted('binlog_row_value_options', '', 'changes of JSON columns are written in part');
  if (!variables.has('binlog_row_metadata') && found.length === 0) {
    found.push({
      message: 'the server cannot write the names of columns (binlog_row_metadata)',
      remedy: 'upgrade the server',
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
