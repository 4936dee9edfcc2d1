/**
 * One process per data directory: an exclusive transaction held on `lock/lock.db`. SQLite's lock is the operating system's,
 * so a kill frees it and two starts cannot both get it. Nothing else may open that file in this process: closing any other
 * descriptor of it would drop the lock (POSIX).
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { TailraceError } from '../contracts/errors.ts';

/** Whoever only looks whether it is taken holds it for less. */
const WAIT_MS = 250;
const BUSY = 5;

export interface Lock {
  release(): void;
}

/** Throws `log.locked` while another process has it. */
export function takeLock(dir: string): Lock {
  const lockDir = join(dir, 'lock');
  const owner = join(lockDir, 'owner');
  mkdirSync(lockDir, { recursive: true, mode: 0o700 });
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(join(lockDir, 'lock.db'), { timeout: WAIT_MS });
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (cause) {
    database?.close();
    if (isBusy(cause)) throw locked(dir, owner, cause);
    throw new TailraceError('log.unwritable', `the data directory ${dir} cannot be locked`, { cause });
  }
  writeFileSync(owner, String(process.pid), { mode: 0o600 });
  const held = database;
  return { release: () => held.close() };
}

/** Throws `log.locked` while a process has it; otherwise takes nothing and changes nothing. */
export function checkUnlocked(dir: string): void {
  const path = join(dir, 'lock', 'lock.db');
  if (!existsSync(path)) return;
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { timeout: 0, readOnly: true });
    database.exec('SELECT count(*) FROM sqlite_schema');
  } catch (cause) {
    if (isBusy(cause)) throw locked(dir, join(dir, 'lock', 'owner'), cause);
    throw new TailraceError('log.unwritable', `the lock of the data directory ${dir} cannot be looked at`, { cause });
  } finally {
    database?.close();
  }
}

const isBusy = (cause: unknown) => (cause as { errcode?: number }).errcode === BUSY;

function locked(dir: string, owner: string, cause: unknown): TailraceError {
  let pid = '';
  try {
    pid = readFileSync(owner, 'utf8').trim();
  } catch {
    // The other process has not come to write it.
  }
  const who = pid === '' ? 'another process' : `the process ${pid}`;
  return new TailraceError('log.locked', `${who} uses the data directory ${dir}`, {
    remedy: 'stop it, or set another `data_dir` in tailrace.yaml',
    cause,
  });
}
