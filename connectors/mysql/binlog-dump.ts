/** Commands that ask for the binary log, and what has to be set before. */
import { MysqlGtidSet } from './gtid.ts';
import { gap } from './source-errors.ts';

const COM_BINLOG_DUMP = 0x12;
const COM_BINLOG_DUMP_GTID = 0x1e;
/** End at the end of the log, in place of waiting for more. */
const NON_BLOCK = 1;
const THROUGH_GTID = 4;
/** Behind the file's magic number. */
export const FIRST_POSITION = 4;
/** In a request; files may be longer. */
export const MAX_POSITION = 2 ** 32 - 1;
const NANOSECONDS = 1_000_000;

/** @param heartbeatMs how often an idle server is to say so */
export function sessionSql(
  flavor: 'mysql' | 'mariadb',
  uuid: string,
  heartbeatMs: number,
  gtid: string | null,
): string {
  const beat = heartbeatMs * NANOSECONDS;
  const common = `SET @master_binlog_checksum = @@global.binlog_checksum, @source_binlog_checksum = @@global.binlog_checksum,
    @master_heartbeat_period = ${beat}, @source_heartbeat_period = ${beat}, @slave_uuid = '${uuid}', @replica_uuid = '${uuid}'`;
  if (flavor === 'mysql') return common;
  const started = gtid === null ? '' : `, @slave_connect_state = '${gtid}'`;
  // 4: knows GTIDs; what it does not know is not rewritten for it.
  return `${common}, @mariadb_slave_capability = 4, @slave_gtid_strict_mode = 1, @slave_gtid_ignore_duplicates = 0${started}`;
}

/** From a file and position; with MariaDB's `@slave_connect_state` from there, whatever they say. */
export function dumpFrom(server: number, file: string, pos: number, endless: boolean): Buffer {
  if (pos > MAX_POSITION) {
    throw gap(
      `the position lies beyond 4 GiB in ${file}, where only GTIDs lead`,
      'turn GTIDs on, and set `on_gap: resnapshot`',
    );
  }
  const command = Buffer.alloc(11 + Buffer.byteLength(file));
  command[0] = COM_BINLOG_DUMP;
  command.writeUInt32LE(Math.max(pos, FIRST_POSITION), 1);
  command.writeUInt16LE(endless ? 0 : NON_BLOCK, 5);
  command.writeUInt32LE(server, 7);
  command.write(file, 11);
  return command;
}

/** MySQL: everything that is not in the set. */
export function dumpAfter(server: number, gtid: string): Buffer {
  const set = encodeGtidSet(MysqlGtidSet.parse(gtid));
  const command = Buffer.alloc(23);
  command[0] = COM_BINLOG_DUMP_GTID;
  command.writeUInt16LE(THROUGH_GTID, 1);
  command.writeUInt32LE(server, 3);
  command.writeUInt32LE(0, 7);
  command.writeBigUInt64LE(BigInt(FIRST_POSITION), 11);
  command.writeUInt32LE(set.length, 19);
  return Buffer.concat([command, set]);
}

/** The form that has tags says so in the first and the last byte of the number of origins. */
const TAGGED = 1n;

/** Number of origins (8); of each: uuid (16), with tags: length × 2 (1) and tag; number of runs (8), their begins and ends (8, 8). */
export function encodeGtidSet(set: MysqlGtidSet): Buffer {
  const entries = set.entries();
  const tagged = entries.some(([origin]) => origin.includes(':'));
  const count = BigInt(entries.length);
  const parts = [uint64(tagged ? TAGGED | (count << 8n) | (TAGGED << 56n) : count)];
  for (const [origin, intervals] of entries) {
    const [uuid = '', tag = ''] = origin.split(':');
    parts.push(Buffer.from(uuid.replaceAll('-', ''), 'hex'));
    if (tagged) parts.push(Buffer.from([tag.length * 2]), Buffer.from(tag, 'latin1'));
    parts.push(uint64(BigInt(intervals.length)));
    for (const [first, last] of intervals) parts.push(uint64(first), uint64(last + 1n));
  }
  return Buffer.concat(parts);
}

function uint64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}
