/** What the server is and how it logs; whether a position belongs to it (Invariant 11). */

import type { SqlSession } from './connections.ts';
import { parseGtidSet } from './gtid.ts';
import { fileNumber, type MysqlPosition, type Place } from './position.ts';
import { gap } from './source-errors.ts';

export interface ServerFacts {
  readonly flavor: 'mysql' | 'mariadb';
  /** As the server says it, e.g. `10.11.18-MariaDB-log`. */
  readonly version: string;
  /** Major × 100 + minor: 8.0 is 800, 10.11 is 1011. */
  readonly release: number;
  /** Global variables by name, those that this server has. */
  readonly variables: ReadonlyMap<string, string>;
  /** Identity for positions. */
  readonly server: string;
  /** True when transactions are numbered. */
  readonly gtids: boolean;
}

const VARIABLES = [
  'server_uuid',
  'server_id',
  'server_uid',
  'hostname',
  'log_bin',
  'log_bin_compress',
  'binlog_format',
  'binlog_row_image',
  'binlog_row_metadata',
  'binlog_row_value_options',
  'binlog_expire_logs_seconds',
  'expire_logs_days',
  'gtid_mode',
  'log_replica_updates',
  'log_slave_updates',
  'lower_case_table_names',
  'innodb_native_foreign_keys',
  'innodb_flush_log_at_trx_commit',
  'sync_binlog',
];

export async function serverFacts(sql: SqlSession): Promise<ServerFacts> {
  const [named] = await sql.rows<{ version: string }>('SELECT VERSION() AS version');
  const version = named!.version;
  const found = await sql.rows<{ Variable_name: string; Value: string }>(
    `SHOW GLOBAL VARIABLES WHERE Variable_name IN (${VARIABLES.map((name) => `'${name}'`).join(', ')})`,
  );
  const variables = new Map(found.map((row) => [row.Variable_name.toLowerCase(), row.Value]));
  const mariadb = /mariadb/i.test(version);
  const [, major = '0', minor = '0'] = /^(?:5\.5\.5-)?(\d+)\.(\d+)/.exec(version) ?? [];
  const id = variables.get('server_id') ?? '';
  return {
    flavor: mariadb ? 'mariadb' : 'mysql',
    version,
    release: Number(major) * 100 + Number(minor),
    variables,
    server: variables.get('server_uuid') ?? `${variables.get('server_uid') ?? variables.get('hostname') ?? ''}/${id}`,
    gtids: mariadb || variables.get('gtid_mode') === 'ON',
  };
}

interface LogFile {
  readonly Log_name: string;
  readonly File_size: string;
}

export async function logFiles(sql: SqlSession): Promise<readonly LogFile[]> {
  return sql.rows<LogFile>('SHOW BINARY LOGS');
}

/** Where the binary log ends now. Not exact while transactions commit: everything before it is in the log. */
export async function logEnd(sql: SqlSession, facts: ServerFacts): Promise<Place> {
  // The set is read first: a transaction that commits in between is then streamed, not left out.
  const gtid = facts.gtids ? await executedGtids(sql, facts) : null;
  const [status] = await sql.rows<{ File: string; Position: string }>(statusSql(facts));
  return { gtid, file: status!.File, pos: Number(status!.Position) };
}

export const statusSql = ({ flavor, release }: ServerFacts): string =>
  flavor === 'mysql' && release >= 802 ? 'SHOW BINARY LOG STATUS' : 'SHOW MASTER STATUS';

export async function executedGtids(sql: SqlSession, { flavor }: ServerFacts): Promise<string> {
  const variable = flavor === 'mariadb' ? 'gtid_binlog_pos' : 'gtid_executed';
  const [row] = await sql.rows<{ gtid: string }>(`SELECT @@global.${variable} AS gtid`);
  return row!.gtid.replaceAll('\n', '');
}

/**
 * Throws `source.gap` unless the server's history goes through the position. The stream checks the rest: the file's
 * beginning, and what it sends first.
 */
export async function checkIncarnation(sql: SqlSession, facts: ServerFacts, position: MysqlPosition): Promise<void> {
  if (position.flavor !== facts.flavor) {
    throw gap(`the position is of ${position.flavor}, the server is ${facts.flavor}`, OTHER_SERVER);
  }
  if (position.server !== facts.server && (position.gtid === null || !facts.gtids)) {
    throw gap(
      'the server is another one than the position’s, and without GTIDs nothing tells where to go on',
      OTHER_SERVER,
    );
  }
  if (position.gtid !== null && !facts.gtids) {
    throw gap('the server does not number its transactions any more (gtid_mode)', OTHER_SERVER);
  }
  if (position.gtid !== null) await checkGtids(sql, facts, position.gtid);
  if (position.server === facts.server) await checkFile(sql, position);
}

const OTHER_SERVER =
  'put the former server into `url` of the source, or set `on_gap: resnapshot` to read this one from the start';

async function checkGtids(sql: SqlSession, facts: ServerFacts, gtid: string): Promise<void> {
  const mariadb = facts.flavor === 'mariadb';
  const ours = parseGtidSet(gtid, mariadb);
  const executed = parseGtidSet(await executedGtids(sql, facts), mariadb);
  if (!executed.covers(ours)) {
    throw gap('the server has not got all transactions before the position: it was reset, restored, or is another one');
  }
  if (mariadb) return;
  const [row] = await sql.rows<{ purged: string }>('SELECT @@global.gtid_purged AS purged');
  if (!ours.covers(parseGtidSet(row!.purged.replaceAll('\n', ''), false))) {
    throw gap('the server has removed binary logs with transactions that follow the position');
  }
}

/** Of the same server: a log that was begun anew (RESET) has smaller numbers or shorter files. */
async function checkFile(sql: SqlSession, { file, pos }: MysqlPosition): Promise<void> {
  const files = await logFiles(sql);
  const last = files.at(-1);
  if (last === undefined) throw gap('the server has no binary log any more');
  const found = files.find(({ Log_name }) => Log_name === file);
  if (found === undefined) {
    const purged = fileNumber(file) < fileNumber(files[0]!.Log_name);
    throw gap(`the binary log ${file} is not there any more: it was ${purged ? 'removed' : 'begun anew (RESET)'}`);
  }
  if (Number(found.File_size) < pos) {
    throw gap(`the binary log ${file} ends before the position: the server lost transactions or its log was reset`);
  }
}
