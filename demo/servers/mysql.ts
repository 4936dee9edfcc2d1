/** A real MySQL or MariaDB server on 127.0.0.1 for the demo and the tests. */
import { closeSync, openSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mysql from 'mysql2/promise';
import { TailraceError } from '../../src/contracts/errors.ts';
import { freePort } from './free-port.ts';
import { GuardedProcess } from './guarded-process.ts';
import { findMysql, type MysqlBinaries, type MysqlFlavor, urlVariable } from './mysql-binaries.ts';

const START_MS = 60_000;
const POLL_MS = 20;

export interface MysqlOptions {
  readonly flavor: MysqlFlavor;
  /** More words for the server's command line, e.g. `--binlog-row-image=MINIMAL`. */
  readonly settings?: readonly string[];
  /** Do not use the server that the environment names. */
  readonly own?: boolean;
}

export interface MysqlServer {
  readonly flavor: MysqlFlavor;
  /** As root, without a database. */
  readonly url: string;
  readonly port: number;
  /** Server and version, e.g. `MySQL 9.7.4`. */
  readonly name: string;
  /** False for a server named by the environment: it can neither be stopped nor started again. */
  readonly own: boolean;
  /** Idempotent. The data directory is removed. */
  stop(): Promise<void>;
  /** SIGKILL, as a crash: the data directory stays. */
  kill(): Promise<void>;
  /** Starts again on the same port and data, stopping first when it runs; with other settings where given. */
  restart(settings?: readonly string[]): Promise<void>;
}

/**
 * No fsync: what is tested is our durability, not the server's. Each commit is handed to the system, so that `kill` loses
 * none; a power cut may.
 */
const SETTINGS = [
  '--bind-address=127.0.0.1',
  '--log-bin=binlog',
  '--binlog-format=ROW',
  '--binlog-row-image=FULL',
  '--binlog-row-metadata=FULL',
  '--innodb-buffer-pool-size=64M',
  '--innodb-flush-log-at-trx-commit=1',
  '--sync-binlog=0',
  '--innodb-flush-method=nosync',
  '--innodb-doublewrite=OFF',
  '--performance-schema=OFF',
  '--max-connections=100',
];
const FLAVOR_SETTINGS = {
  mysql: [
    '--server-id=1',
    '--gtid-mode=ON',
    '--enforce-gtid-consistency=ON',
    '--innodb-redo-log-capacity=64M',
    '--mysqlx=OFF',
    '--secure-file-priv=',
  ],
  mariadb: ['--server-id=2', '--gtid-strict-mode=1'],
} as const;

/** Ready for connections when it resolves. Throws `demo.missing` without binaries, else `internal.bug` with the server's log. */
export async function startMysql(options: MysqlOptions): Promise<MysqlServer> {
  const url = process.env[urlVariable(options.flavor)];
  if (options.own !== true && url !== undefined && url !== '') return given(options.flavor, url);
  const binaries = await findMysql(options.flavor);
  const directory = await mkdtemp(join(tmpdir(), 'tailrace-mysql-'));
  await cp(binaries.template, join(directory, 'data'), { recursive: true });
  const server = new Server(binaries, directory, options.settings ?? []);
  try {
    await server.start();
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

class Server implements MysqlServer {
  readonly flavor: MysqlFlavor;
  readonly own = true;
  name = '';
  port = 0;
  readonly #binaries: MysqlBinaries;
  readonly #directory: string;
  #settings: readonly string[];
  #process: GuardedProcess | null = null;

  constructor(binaries: MysqlBinaries, directory: string, settings: readonly string[]) {
    this.flavor = binaries.flavor;
    this.#binaries = binaries;
    this.#directory = directory;
    this.#settings = settings;
  }

  get url(): string {
    return `mysql://root@127.0.0.1:${this.port}/`;
  }

  async start(): Promise<void> {
    const deadline = Date.now() + START_MS;
    if (this.port === 0) this.port = await freePort();
    const { program, common, flavor } = this.#binaries;
    const data = join(this.#directory, 'data');
    const log = join(this.#directory, 'error.log');
    const words = [program, ...common, `--datadir=${data}`, `--port=${this.port}`, ...SETTINGS];
    // One that starts removes what others have in a common directory for temporary files.
    const temporary = join(this.#directory, 'tmp');
    await mkdir(temporary, { recursive: true });
    words.push(`--tmpdir=${temporary}`);
    words.push(`--socket=${join(this.#directory, 's')}`, `--pid-file=${join(this.#directory, 'pid')}`);
    words.push(...FLAVOR_SETTINGS[flavor], ...this.#settings);
    const out = openSync(log, 'a', 0o600);
    const env = { PATH: process.env.PATH, TZ: 'UTC', LC_ALL: 'C' };
    this.#process = new GuardedProcess(words, {
      output: out,
      env,
      remove: [this.#directory],
      signals: ['TERM', 'KILL'],
    });
    closeSync(out);
    while (!this.#process.over && Date.now() < deadline) {
      const version = await versionAt(this.url, data);
      if (version !== null) {
        this.name = version;
        return;
      }
      await Promise.race([this.#process.ended, new Promise((wake) => setTimeout(wake, POLL_MS))]);
    }
    await this.#process.stop();
    const said = (await readFile(log, 'utf8').catch(() => '')).slice(-800);
    throw new TailraceError('internal.bug', `${program} did not start: ${said}`);
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
    this.#process = null;
    await rm(this.#directory, { recursive: true, force: true });
  }

  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  async restart(settings?: readonly string[]): Promise<void> {
    await this.#end('SIGTERM');
    this.#settings = settings ?? this.#settings;
    await this.start();
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    if (child === null) return;
    const pid = Number(await readFile(join(this.#directory, 'pid'), 'utf8').catch(() => ''));
    if (!child.over && Number.isInteger(pid) && pid > 1) process.kill(pid, signal);
    await child.waitForEnd();
    this.#process = null;
  }
}

async function given(flavor: MysqlFlavor, url: string): Promise<MysqlServer> {
  const name = await versionAt(url, null);
  if (name === null) {
    throw new TailraceError('demo.missing', `The server that ${urlVariable(flavor)} names does not answer.`, {
      remedy: 'Start it, or unset the variable so that one is brought up.',
    });
  }
  const none = async () => {};
  const port = Number(new URL(url).port || 3306);
  return { flavor, url, port, name, own: false, stop: none, kill: none, restart: none };
}

/** Null while it does not answer, or when another server has the port. */
async function versionAt(url: string, dataDir: string | null): Promise<string | null> {
  try {
    const connection = await mysql.createConnection({ uri: url, disableEval: true, connectTimeout: 2_000 });
    connection.on('error', () => {});
    try {
      const [rows] = await connection.query<mysql.RowDataPacket[]>('SELECT version() AS version, @@datadir AS data');
      const { version, data } = rows[0] as { version: string; data: string };
      if (dataDir !== null && data.replace(/\/$/, '') !== dataDir) return null;
      const number = /^[\d.]+/.exec(version)?.[0] ?? version;
      return `${/mariadb/i.test(version) ? 'MariaDB' : 'MySQL'} ${number}`;
    } finally {
      connection.destroy();
    }
  } catch {
    return null;
  }
}
