/** Finds or installs a MySQL or MariaDB server, and makes its first data directory once. */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { TailraceError } from '../../src/contracts/errors.ts';
import { debianObstacle, unpackDebian } from './debian-package.ts';
import { onPath, output } from './programs.ts';
import { installOnce } from './server-cache.ts';

export type MysqlFlavor = 'mysql' | 'mariadb';

export interface MysqlBinaries {
  readonly flavor: MysqlFlavor;
  readonly program: string;
  /** Words that every start needs. */
  readonly common: readonly string[];
  /** A data directory as it is after the first start, to be copied. */
  readonly template: string;
}

/**
 * MySQL comes only with Debian's unstable release; MariaDB 10.11 with bookworm, 11.8 with trixie, which
 * `TAILRACE_TEST_MARIADB_SUITE` can name.
 */
const PACKAGES = {
  mysql: { packageName: 'mysql-server-core', suite: 'sid', program: 'mysqld' },
  mariadb: {
    packageName: 'mariadb-server-core',
    suite: process.env.TAILRACE_TEST_MARIADB_SUITE || 'bookworm',
    program: 'mariadbd',
  },
} as const;
const DIRECTORIES = ['usr/share/mysql', 'usr/share/mariadb', 'usr/lib/mysql/plugin'];

/** One on PATH, one installed before, else one that is installed now. Throws `demo.missing`. */
export async function findMysql(flavor: MysqlFlavor): Promise<MysqlBinaries> {
  const { program, packageName, suite } = PACKAGES[flavor];
  const local = await localServer(flavor);
  const tree = local === null ? await install(flavor) : null;
  const path = local ?? join(tree!, program);
  const common = ['--no-defaults', `--user=${userInfo().username}`];
  if (tree !== null) {
    const share = await shareOf(join(tree, 'usr'));
    common.push(`--basedir=${join(tree, 'usr')}`, `--lc-messages-dir=${share}`);
    common.push(`--character-sets-dir=${join(share, 'charsets')}`);
    common.push(`--plugin-dir=${join(tree, 'usr/lib/mysql/plugin')}`);
  }
  const name = local === null ? `${packageName}-${suite}` : `${flavor}-local-${await versionOf(local)}`;
  const share = flavor === 'mariadb' ? await shareOf(tree === null ? '/usr' : join(tree, 'usr')) : '';
  const template = await installOnce(`${name}-data`, (into) => initialise(flavor, path, common, share, into));
  return { flavor, program: path, common, template: join(template, 'data') };
}

async function install(flavor: MysqlFlavor): Promise<string> {
  const wanted = { ...PACKAGES[flavor], directories: DIRECTORIES };
  const obstacle = await debianObstacle();
  let reason = obstacle;
  if (obstacle === null) {
    try {
      return await installOnce(`${wanted.packageName}-${wanted.suite}`, (into) => unpackDebian(wanted, into));
    } catch (error) {
      reason = (error instanceof Error ? error.message : String(error)).trim().split('\n').slice(-2).join(' ');
    }
  }
  const remedy = `Put ${wanted.program} on PATH, or set ${urlVariable(flavor)} to a server that may be written to.`;
  throw new TailraceError('demo.missing', `There is no ${wanted.program} and it could not be installed (${reason}).`, {
    remedy,
  });
}

/** Name of the variable that names a server to use instead. */
export const urlVariable = (flavor: MysqlFlavor): string => `TAILRACE_TEST_${flavor.toUpperCase()}_URL`;

/** MariaDB installs its server under MySQL's name too. */
async function localServer(flavor: MysqlFlavor): Promise<string | null> {
  const found = await onPath(PACKAGES[flavor].program);
  if (found === null || flavor === 'mariadb') return found;
  return /mariadb/i.test(await output(found, ['--no-defaults', '--version'])) ? null : found;
}

async function versionOf(program: string): Promise<string> {
  const text = await output(program, ['--no-defaults', '--version']);
  return /(\d+\.\d+\.\d+)/.exec(text)?.[1] ?? 'unknown';
}

async function shareOf(prefix: string): Promise<string> {
  const mariadb = join(prefix, 'share/mariadb');
  return existsSync(join(mariadb, 'charsets')) ? mariadb : join(prefix, 'share/mysql');
}

async function initialise(
  flavor: MysqlFlavor,
  program: string,
  common: readonly string[],
  share: string,
  into: string,
): Promise<void> {
  const data = join(into, 'data');
  // A server that starts removes what others have in a common directory for temporary files.
  const temporary = join(into, 'tmp');
  await mkdir(temporary, { recursive: true });
  const places = [`--datadir=${data}`, `--tmpdir=${temporary}`];
  if (flavor === 'mysql') {
    const log = join(into, 'init.log');
    const words = [...common, ...places, '--initialize-insecure', `--log-error=${log}`];
    await output(program, words).catch(async (cause) => {
      const said = (await readFile(log, 'utf8').catch(() => '')).slice(-800);
      throw new TailraceError('demo.missing', `mysqld --initialize-insecure failed: ${said}`, { cause });
    });
    // Each server made from the template gets a uuid of its own.
    await writeFile(join(data, 'auto.cnf'), '');
    return;
  }
  await mkdir(join(data, 'mysql'), { recursive: true });
  const sql = join(into, 'bootstrap.sql');
  await writeFile(sql, await bootstrapSql(share));
  const words = [...common, ...places, '--bootstrap', '--log-warnings=0', '--enforce-storage-engine='];
  await output('/bin/sh', ['-c', 'sql=$1; shift; exec "$@" < "$sql"', 'bootstrap', sql, program, ...words]);
}

/** The statements that make the system tables, in their order; the files' names differ by version. */
async function bootstrapSql(share: string): Promise<string> {
  const names = await readdir(share);
  const parts = ['CREATE DATABASE IF NOT EXISTS mysql;', 'USE mysql;', 'SET @auth_root_socket=NULL;'];
  parts.push('SET @skip_auth_anonymous=1;');
  for (const part of ['system_tables', 'performance_tables', 'system_tables_data', 'fill_help_tables', 'sys_schema']) {
    const name = names.find((one) => new RegExp(`^((mysql|mariadb)_)?${part}\\.sql$`).test(one));
    if (name !== undefined) parts.push(await readFile(join(share, name), 'utf8'));
  }
  return `${parts.join('\n')}\n`;
}
