/**
 * Changes as entries of streams, in log order, each once.
 *
 * Fields of an entry: `op` (c, u, d, r; t for truncate, snapshot-begin, snapshot-end), `table`, `version`, `ts_us`, `position`, and for
 * rows `key`, `before`, `after` (JSON objects; left out where the source sent none), for snapshot-end `sweep_below`.
 */
import { type Change, type Row, type SinkRecord, TailraceError } from '../../src/sdk/index.ts';
import { GrowingBytes } from '../../src/sdk/target/growing-bytes.ts';
import { InFlight } from '../../src/sdk/target/in-flight.ts';
import { writeDocument } from '../../src/sdk/target/json-document.ts';
import { sourceTableName } from '../../src/sdk/target/names.ts';
import { OP_LETTERS } from '../../src/sdk/target/op-letters.ts';
import { identityRow } from '../../src/sdk/target/row-image.ts';
import type { RefusedRows } from '../../src/sdk/target/steps.ts';
import { CommandBuffer, scriptCall } from './command-buffer.ts';
import type { Key } from './key-template.ts';
import { APPEND } from './plain-scripts.ts';
import type { Session } from './row-calls.ts';
import type { TargetTable, TargetTables } from './tables.ts';

const CALL_ENTRIES = 250;
const CALL_BYTES = 1 << 19;
const CALLS_IN_FLIGHT = 8;

interface Open {
  readonly keys: CommandBuffer;
  readonly args: CommandBuffer;
}

/** Appends what is not there yet. @param most about the most entries of a stream; null: all are kept */
export async function appendEntries(
  session: Session,
  tables: TargetTables,
  records: readonly SinkRecord[],
  most: number | null,
  refused: RefusedRows,
): Promise<void> {
  const open: readonly Open[] = session.groups.map(() => ({ keys: new CommandBuffer(), args: new CommandBuffer() }));
  const calls = new InFlight<unknown>(CALLS_IN_FLIGHT);
  const send = async (group: number) => {
    const { keys, args } = open[group]!;
    if (keys.count === 0) return;
    const { connection, offsets } = session.groups[group]!;
    const words = [offsets.writer, most === null ? '' : String(most)];
    const call = scriptCall(APPEND.sha, [offsets.key], keys, words, args);
    keys.clear();
    args.clear();
    await calls.add(connection.send(call, session.signal));
  };
  for (const record of records) {
    // Of a row that never matched a filter nobody has an entry.
    if (record.change.dropped) continue;
    const key = keyOf(tables.of(record.change.table), record, refused);
    if (key === null || !session.groups[key.group]!.offsets.isNew(record)) continue;
    const { keys, args } = open[key.group]!;
    keys.text(key.text);
    for (const word of session.groups[key.group]!.offsets.mark(record)) args.text(word);
    writeEntry(args, record.change);
    if (keys.count >= CALL_ENTRIES || args.byteLength >= CALL_BYTES) await send(key.group);
  }
  for (let group = 0; group < open.length; group++) await send(group);
  await calls.drain();
}

/** Null for a key that can't be one: the same again whenever the record is read, so no mark need tell of it. */
function keyOf(table: TargetTable, record: SinkRecord, refused: RefusedRows): Key | null {
  const { change } = record;
  try {
    const row = table.key.columns.length === 0 || !isRow(change) ? NO_ROW : identityRow(change);
    return row === NO_ROW && table.key.columns.length > 0 ? null : table.key.keyOf(row);
  } catch (error) {
    if (!(error instanceof TailraceError) || error.code !== 'sink.rejected') throw error;
    refused.reject(record, error);
    return null;
  }
}

/** A marker belongs to the table: where each row has a stream, it has none. */
const NO_ROW: Row = { columns: [], get: () => null, bytes: () => undefined, toObject: () => ({}) };

const scratch = new GrowingBytes();

function writeEntry(args: CommandBuffer, change: Change): void {
  const { op, table, version, timeUs, position, key, before, after, sweepBelow } = change;
  const words = [
    'op',
    OP_LETTERS[op],
    'table',
    sourceTableName(table),
    'version',
    String(version),
    'ts_us',
    String(timeUs),
  ];
  words.push('position', position);
  if (isRow(change)) words.push('key', key);
  if (sweepBelow !== undefined) words.push('sweep_below', String(sweepBelow));
  const rows = [['before', before] as const, ['after', after] as const].filter(([, row]) => row !== null);
  args.word(String(words.length + 2 * rows.length));
  for (const word of words) args.text(word);
  for (const [name, row] of rows) {
    scratch.clear();
    writeDocument(scratch, row!);
    args.text(name);
    args.bytes(scratch.view());
  }
}

function isRow({ op }: Change): boolean {
  return op === 'insert' || op === 'update' || op === 'delete' || op === 'snapshot';
}
