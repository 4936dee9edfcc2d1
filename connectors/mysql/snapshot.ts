/**
 * Reads one table in one consistent transaction, together with the place in the binary log that it stands for:
 * docs/decisions/2026-11-25-mysql-snapshot.md. Nothing of it is visible in the log before all of it is.
 */
import type { SourceOutput, TableSchema } from '../../src/sdk/index.ts';
import { type CatalogTable, catalogTable } from './catalog.ts';
import { type ColumnText, columnExpression, columnText } from './column-text.ts';
import { describe } from './columns.ts';
import { type Connection, connect, query, takeSocket } from './connections.ts';
import { quoteTable, type SourceOptions, type TableName } from './names.ts';
import { PacketSocket } from './packet-socket.ts';
import type { MysqlPosition, Place } from './position.ts';
import { ResultSet } from './result-set.ts';
import { type ServerFacts, statusSql } from './server.ts';
import { asSourceError, gap } from './source-errors.ts';

/** For so long other writers of the table may have to wait behind us for a transaction that holds it. */
const LOCK_SECONDS = 5;

export interface SnapshotTask {
  readonly table: TableName;
  readonly facts: ServerFacts;
  readonly position: MysqlPosition;
}

/** Resolves to the position with the table in it. An abort ends it with the signal's reason; nothing was then written. */
export async function snapshotTable(
  options: SourceOptions,
  { table, facts, position }: SnapshotTask,
  output: SourceOutput,
  signal: AbortSignal,
): Promise<MysqlPosition> {
  const { url } = options.config;
  const connections: Connection[] = [];
  const onAbort = () => {
    for (const connection of connections) connection.destroy();
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const open = async () => {
      const connection = await connect(url);
      connections.push(connection);
      if (signal.aborted) throw signal.reason;
      return connection;
    };
    const reader = await open();
    const seen =
      facts.flavor === 'mariadb' ? await atSnapshot(reader, table) : await atLock(reader, await open(), table, facts);
    const catalog = await catalogTable((sql, values) => query(reader, sql, values), table, facts.flavor);
    if (catalog === undefined) throw droppedMeanwhile(table);
    const [now] = await query<{ us: string }>(
      reader,
      'SELECT CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS UNSIGNED) AS us',
    );
    if (signal.aborted) throw signal.reason;
    const schema = output.register(describe(options.name, table, catalog.columns, catalog.primaryKey));
    const id = `${seen.gtid ?? `${seen.file}:${seen.pos}`}/${table.label}`;
    output.begin({ id, kind: 'snapshot', timeUs: Number(now!.us), position: `${seen.file}:${seen.pos}` });
    output.marker({ op: 'snapshot-begin', table: schema, snapshot: id });
    await readRows(reader, table, catalog, schema, output, options.context.failpoint);
    output.marker({ op: 'snapshot-end', table: schema, snapshot: id });
    const after = { ...position, tables: { ...position.tables, [table.label]: { read: seen } } };
    output.end(after);
    return after;
  } catch (error) {
    throw signal.aborted ? signal.reason : asSourceError(error, url);
  } finally {
    signal.removeEventListener('abort', onAbort);
    onAbort();
  }
}

/** MariaDB says which place in the binary log its snapshot stands for; nothing is locked. */
async function atSnapshot(reader: Connection, table: TableName): Promise<Place> {
  await query(reader, 'START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY');
  const status = await query<{ Variable_name: string; Value: string }>(reader, "SHOW STATUS LIKE 'binlog_snapshot_%'");
  const values = new Map(status.map((row) => [row.Variable_name.toLowerCase(), row.Value]));
  const file = values.get('binlog_snapshot_file') ?? '';
  const pos = Number(values.get('binlog_snapshot_position'));
  const [row] = await query<{ gtid: string | null }>(reader, 'SELECT BINLOG_GTID_POS(?, ?) AS gtid', [file, pos]);
  await hold(reader, table);
  return { gtid: row!.gtid ?? '', file, pos };
}

/**
 * While the table can only be read, a snapshot is begun and the log's end noted: all changes of the table before it are
 * seen, none after. Other tables can be written; the lock ends before the first row is read.
 */
async function atLock(reader: Connection, locker: Connection, table: TableName, facts: ServerFacts): Promise<Place> {
  await query(locker, `SET SESSION lock_wait_timeout = ${LOCK_SECONDS}`);
  await query(locker, `LOCK TABLES ${quoteTable(table)} READ`);
  await query(reader, 'START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY');
  await hold(reader, table);
  const gtid = facts.gtids
    ? (await query<{ gtid: string }>(locker, 'SELECT @@global.gtid_executed AS gtid'))[0]!.gtid.replaceAll('\n', '')
    : null;
  const [status] = await query<{ File: string; Position: string }>(locker, statusSql(facts));
  await query(locker, 'UNLOCK TABLES');
  return { gtid, file: status!.File, pos: Number(status!.Position) };
}

/** From here to the end of the transaction the table keeps its columns. */
async function hold(reader: Connection, table: TableName): Promise<void> {
  await query(reader, `SELECT 1 FROM ${quoteTable(table)} LIMIT 1`);
}

function droppedMeanwhile({ label }: TableName): Error {
  return gap(`the captured table ${label} was renamed, dropped or made anew while it was to be read`);
}

/** Runs the SELECT on the connection's socket, which the driver cannot use afterwards. */
async function readRows(
  reader: Connection,
  table: TableName,
  { columns }: CatalogTable,
  schema: TableSchema,
  output: SourceOutput,
  failpoint: (name: string) => void,
): Promise<void> {
  const writer = output.writer(schema);
  const texts: ColumnText[] = columns.map(columnText);
  const sql = `SELECT ${columns.map(columnExpression).join(', ')} FROM ${quoteTable(table)}`;
  const rows = new ResultSet(columns.length, (buf, at, to) => {
    failpoint('source.mid-snapshot');
    writer.begin('r');
    writer.side('after');
    ResultSet.write(writer, texts, buf, at, to);
    writer.end();
  });
  const socket: PacketSocket = new PacketSocket({
    socket: takeSocket(reader),
    take: (buf, at, to) => {
      if (rows.take(buf, at, to)) socket.stop();
      return undefined;
    },
    afterRead: () => output.drain(),
  });
  socket.command(Buffer.from(`\x03${sql}`));
  await socket.done;
}
