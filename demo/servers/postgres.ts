/** A real PostgreSQL server on 127.0.0.1 for the demo and the tests, from binaries that npm installed. */
import { execFile } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { TailraceError } from '../../src/contracts/errors.ts';
import { freePort } from './free-port.ts';
import { GuardedProcess } from './guarded-process.ts';
import { findPostgres, type PostgresBinaries } from './postgres-binaries.ts';

const run = promisify(execFile);
const USER = 'postgres';
const PASSWORD = 'password';
const START_MS = 60_000;

export interface PostgresOptions {
  /** Kept after `stop` and used again when it exists. Default: a temporary directory that is removed. */
  readonly dataDir?: string;
  /** Default: a free one. */
  readonly port?: number;
  /** Overrides of `DEFAULTS`, as in postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Directory of `postgres` and `initdb`. Default: TAILRACE_TEST_PG_BIN, else the platform package. */
  readonly binDir?: string;
}

export interface PostgresServer {
  /** Of the database `postgres`, as superuser. */
  readonly url: string;
  readonly port: number;
  readonly dataDir: string;
  readonly major: number;
  /** Server log, for diagnosis. */
  readonly logFile: string;
  /** Fast shutdown; immediate after five seconds (a stuck walsender). Idempotent. A temporary data directory is removed. */
  stop(): Promise<void>;
  /** SIGKILL to the postmaster, as a crash: the data directory stays, `restart` recovers. */
  kill(): Promise<void>;
  /** Starts again on the same port and data, stopping first when it runs. `settings` are merged over the present ones. */
  restart(settings?: Readonly<Record<string, string>>): Promise<void>;
  /** Creates the database unless it exists; resolves to its URL. */
  createDatabase(name: string): Promise<string>;
}

/** No fsync: what is tested is our durability, not the server's; it survives `kill`, not a power cut. */
const DEFAULTS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  wal_level: 'logical',
  max_wal_senders: '20',
  max_replication_slots: '20',
  max_connections: '100',
  shared_buffers: '32MB',
  fsync: 'off',
  full_page_writes: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
};

/** Ready for connections when it resolves. Throws `demo.missing` without binaries, otherwise `internal.bug` with the end of the server's log. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const binaries = await findPostgres(options.binDir);
  const temporary = options.dataDir === undefined;
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'tailrace-pg-')));
  const server = new Server(binaries, dataDir, temporary, { ...DEFAULTS, ...options.settings }, options.port);
  try {
    await server.initialise();
    await server.start();
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

class Server implements PostgresServer {
  readonly dataDir: string;
  readonly major: number;
  readonly logFile: string;
  readonly #binaries: PostgresBinaries;
  readonly #temporary: boolean;
  readonly #fixedPort: boolean;
  #settings: Record<string, string>;
  #port: number;
  #process: GuardedProcess | null = null;

  constructor(
    binaries: PostgresBinaries,
    dataDir: string,
    temporary: boolean,
    settings: Record<string, string>,
    port: number | undefined,
  ) {
    this.#binaries = binaries;
    this.#temporary = temporary;
    this.#settings = settings;
    this.#fixedPort = port !== undefined;
    this.#port = port ?? 0;
    this.dataDir = dataDir;
    this.major = binaries.major;
    this.logFile = join(dataDir, 'server.log');
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return this.#urlOf('postgres');
  }

  #urlOf(database: string): string {
    return `postgres://${USER}:${PASSWORD}@127.0.0.1:${this.#port}/${encodeURIComponent(database)}`;
  }

  /** Creates the cluster unless the directory already holds one. */
  async initialise(): Promise<void> {
    const { runAs, binDir } = this.#binaries;
    await mkdir(this.dataDir, { recursive: true, mode: 0o700 });
    await chmod(this.dataDir, 0o700);
    if (runAs.user !== null) await chown(this.dataDir, runAs.user.uid, runAs.user.gid);
    if (await isFile(join(this.dataDir, 'PG_VERSION'))) return;
    const passwordDir = await mkdtemp(join(tmpdir(), 'tailrace-pg-init-'));
    const passwordFile = join(passwordDir, 'password');
    await writeFile(passwordFile, PASSWORD);
    if (runAs.user !== null) {
      for (const path of [passwordDir, passwordFile]) await chown(path, runAs.user.uid, runAs.user.gid);
    }
    const words = [...runAs.prefix, join(binDir, 'initdb'), '--pgdata', this.dataDir, '--username', USER];
    words.push('--pwfile', passwordFile, '--auth=scram-sha-256', '--encoding=UTF8', '--locale=C', '--no-sync');
    try {
      await run(words[0] ?? '', words.slice(1), { ...runAs.user, cwd: this.dataDir, env: serverEnv() });
    } catch (cause) {
      const said = cause instanceof Error ? cause.message.slice(-800) : '';
      throw new TailraceError('internal.bug', `initdb failed in ${this.dataDir}: ${said}`, { cause });
    } finally {
      await rm(passwordDir, { recursive: true, force: true });
    }
  }

  async start(): Promise<void> {
    const deadline = Date.now() + START_MS;
    for (;;) {
      if (!this.#fixedPort && this.#port === 0) this.#port = await freePort();
      const failure = await this.#tryStart(deadline);
      if (failure === null) return;
      const portTaken = /could not bind|Address already in use/.test(failure);
      // After a SIGKILL the old backends need a moment to notice and to leave the shared memory.
      const leftovers = /pre-existing shared memory block|lock file "postmaster.pid" already exists/.test(failure);
      if ((!leftovers && !(portTaken && !this.#fixedPort)) || Date.now() > deadline) {
        throw new TailraceError('internal.bug', `PostgreSQL did not start in ${this.dataDir}: ${failure.slice(-800)}`);
      }
      if (portTaken) this.#port = 0;
      else await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Null when ready, else what the server wrote. */
  async #tryStart(deadline: number): Promise<string | null> {
    const { runAs, binDir, copy } = this.#binaries;
    await this.#writeSettings();
    const from = (await stat(this.logFile).catch(() => null))?.size ?? 0;
    const output = openSync(this.logFile, 'a', 0o600);
    const remove = [...(this.#temporary ? [this.dataDir] : []), ...(copy === null ? [] : [copy])];
    const command = [...runAs.prefix, join(binDir, 'postgres'), '-D', this.dataDir];
    const child = new GuardedProcess(command, { output, env: serverEnv(), remove, ...runAs.user });
    closeSync(output);
    this.#process = child;
    while (!child.over && Date.now() < deadline) {
      if (await this.#answers()) return null;
      await Promise.race([child.ended, new Promise((resolve) => setTimeout(resolve, 20))]);
    }
    await child.stop();
    this.#process = null;
    return (await readFile(this.logFile, 'utf8').catch(() => '')).slice(from).slice(-4000) || 'no output';
  }

  /** Read from a file of its own, so that ALTER SYSTEM and edits of postgresql.conf keep working. */
  async #writeSettings(): Promise<void> {
    const main = join(this.dataDir, 'postgresql.conf');
    const text = await readFile(main, 'utf8');
    const include = "include_if_exists 'server.conf'";
    if (!text.includes(include)) await writeFile(main, `${text}\n${include}\n`);
    const settings = Object.entries({ ...this.#settings, port: String(this.#port) });
    const quoted = settings.map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`);
    await writeFile(join(this.dataDir, 'server.conf'), quoted.join(''), { mode: 0o644 });
  }

  async #answers(): Promise<boolean> {
    const client = new pg.Client({ connectionString: this.url, connectionTimeoutMillis: 2_000 });
    client.on('error', () => {});
    try {
      await client.connect();
      // Another server may have taken the port while ours fails to bind it.
      const { rows } = await client.query<{ data_directory: string }>('show data_directory');
      return rows[0]?.data_directory === (await realpath(this.dataDir));
    } catch {
      return false;
    } finally {
      await client.end().catch(() => {});
    }
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
    this.#process = null;
    if (this.#temporary) await rm(this.dataDir, { recursive: true, force: true });
    if (this.#binaries.copy !== null) await rm(this.#binaries.copy, { recursive: true, force: true });
  }

  async kill(): Promise<void> {
    await this.#signal('SIGKILL');
    await this.#process?.waitForEnd();
    this.#process = null;
  }

  async restart(settings: Readonly<Record<string, string>> = {}): Promise<void> {
    const child = this.#process;
    if (child !== null) {
      await this.#signal('SIGINT');
      const impatience = setTimeout(() => void this.#signal('SIGQUIT'), 5_000);
      await child.waitForEnd();
      clearTimeout(impatience);
      this.#process = null;
    }
    this.#settings = { ...this.#settings, ...settings };
    await this.start();
  }

  async #signal(signal: NodeJS.Signals): Promise<void> {
    if (this.#process === null || this.#process.over) return;
    const pid = Number((await readFile(join(this.dataDir, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')[0]);
    if (Number.isInteger(pid) && pid > 1) process.kill(pid, signal);
  }

  async createDatabase(name: string): Promise<string> {
    const client = new pg.Client({ connectionString: this.url });
    await client.connect();
    try {
      const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [name]);
      if (rowCount === 0) await client.query(`create database ${pg.escapeIdentifier(name)}`);
    } finally {
      await client.end();
    }
    return this.#urlOf(name);
  }
}

/** Without the PG* variables, which would change what the server and initdb do. */
function serverEnv(): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, HOME: process.env.HOME, LC_ALL: 'C', TZ: 'UTC' };
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}
