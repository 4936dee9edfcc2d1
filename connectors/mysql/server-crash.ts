/**
 * What a crash of the server means. With `sync_binlog` and `innodb_flush_log_at_trx_commit` at 1 its tables and its binary log
 * agree afterwards, and both have what was sent to us. Otherwise, when the machine went down, either may lack the
 * last transactions: rows that were delivered are not in the tables, or rows of the tables never come. Where the log lacks
 * them, MariaDB gives their numbers to other transactions, which would be taken for those that were seen (Invariant 5).
 */
import { parseGtidSet } from './gtid.ts';
import type { Crash } from './log-files.ts';
import type { MysqlPosition } from './position.ts';
import type { ServerFacts } from './server.ts';
import { gap } from './source-errors.ts';

export type AfterCrash = 'stop' | 'continue';

/** Settings under which a crash may lose transactions, each with its value. MariaDB's 3 writes more often than 1. */
export function unsafeSettings({ variables }: ServerFacts): readonly (readonly [name: string, value: string])[] {
  return (['sync_binlog', 'innodb_flush_log_at_trx_commit'] as const).flatMap((name) => {
    const value = variables.get(name);
    const safe = value === undefined || value === '1' || (value === '3' && name.startsWith('innodb'));
    return safe ? [] : [[name, value] as const];
  });
}

/** For the server's kind: statements that make the settings safe. */
export function safeSql({ flavor }: ServerFacts, names: readonly string[]): string {
  const set = flavor === 'mysql' ? 'SET PERSIST' : 'SET GLOBAL';
  const sql = names.map((name) => `${set} ${name} = 1;`).join(' ');
  return flavor === 'mysql'
    ? sql
    : `${sql} and ${names.map((name) => `${name} = 1`).join(', ')} in the server’s configuration`;
}

/** Throws `source.gap` when the server may have lost transactions as it crashed while it wrote this file. */
export function checkCrash(facts: ServerFacts, after: AfterCrash, file: string): void {
  const unsafe = unsafeSettings(facts);
  if (unsafe.length === 0 || after === 'continue') return;
  const settings = unsafe.map(([name, value]) => `${name} = ${value}`).join(', ');
  throw gap(
    `the server crashed while it wrote ${file}, with ${settings}: its tables and its binary log may differ in the last transactions`,
    `${safeSql(
      facts,
      unsafe.map(([name]) => name),
    )}; then set \`on_gap: resnapshot\` on the source; or, when only the server’s process ended and not the machine, \`after_crash: continue\``,
  );
}

/**
 * Throws `source.gap` when the server did not know all transactions of the position when it came back: others get their
 * numbers. Throws what the server says where it knew more than can be read. MySQL cuts its file, so that its length tells.
 */
export function checkHistory({ file, gtids, damage }: Crash, { flavor, gtid }: MysqlPosition): void {
  if (flavor !== 'mariadb' || gtid === null) return;
  const [theirs, ours] = [parseGtidSet(gtids, true), parseGtidSet(gtid, true)];
  if (!theirs.covers(ours)) {
    throw gap(
      `the server crashed and lost transactions of ${file} that were delivered; it gives their numbers to others`,
    );
  }
  // What cannot be read held transactions that the server knows.
  if (damage !== null && !ours.covers(theirs)) throw damage;
}
