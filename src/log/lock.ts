/**
 * One process per data directory: an exclusive transaction held on `lock/lock.db`. SQLite's lock is the operating system's,
 * so a kill frees it and two starts cannot both get it. Nothing else may open that file in this process: closing any other
 * descriptor of it would drop the lock (POSIX).
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { TailraceError } from '../contracts/errors.ts';

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
    database = new DatabaseSync(join(lockDir, 'lock.db'), { timeout: 0 });
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (cause) {
    database?.close();
    if ((cause as { errcode?: number }).errcode === 5) throw locked(dir, owner, cause);
    throw new TailraceError('log.unwritable', `the data directory ${dir} cannot be locked`, { cause });
  }
  writeFileSync(owner, String(process.pid), { mode: 0o600 });
  const held = database;
  return { release: () => held.close() };
}

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
