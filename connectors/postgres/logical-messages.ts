/**
 * What applications write with pg_logical_emit_message, as rows of a table that exists in the stream only. A message is
 * identified by its place in the write-ahead log. The server orders messages by where their records end and rows by where theirs
 * begin: one of a subtransaction may come behind the rows of the record right behind it.
 */
import type { RowWriter, SourceOutput, TableDescription } from '../../src/sdk/index.ts';
import { DDL_PREFIX } from './ddl-trigger.ts';
import { formatLsn } from './lsn.ts';
import { type SourceOptions, tableName } from './names.ts';
import { need, readString } from './pgoutput.ts';

export interface LogicalMessage {
  /** Of its end in the write-ahead log. */
  readonly lsn: bigint;
  /** Part of a transaction; otherwise there at once, whatever becomes of the transaction that it was written in. */
  readonly transactional: boolean;
  readonly prefix: string;
  /** Of the content, in the message's buffer. */
  readonly from: number;
  readonly to: number;
}

/** Flags, LSN, prefix, content with its length before it. */
export function readLogicalMessage(buf: Buffer, from: number, end: number): LogicalMessage {
  need(from + 9 <= end && buf[from]! <= 1);
  const prefix = readString(buf, from + 9, end);
  need(prefix.next + 4 <= end);
  const at = prefix.next + 4;
  need(at + buf.readUInt32BE(prefix.next) === end);
  return {
    transactional: buf[from] === 1,
    lsn: buf.readBigUInt64BE(from + 1),
    prefix: prefix.text,
    from: at,
    to: end,
  };
}

/** Null when the source takes no messages. */
export function messagesTable({ config, name }: SourceOptions): TableDescription | null {
  if (config.messages === undefined) return null;
  const { schema, table } = tableName(config.messages.table);
  return {
    source: name,
    schema,
    table,
    columns: [
      { name: 'lsn', kind: 'other', native: 'pg_lsn', nullable: false, keyOrdinal: 1 },
      { name: 'prefix', kind: 'text', native: 'text', nullable: false },
      { name: 'transactional', kind: 'bool', native: 'boolean', nullable: false },
      { name: 'content', kind: 'text', native: 'text', nullable: false },
    ],
  };
}

/** Makes rows of logical messages. */
export interface MessageTaker {
  wants(message: LogicalMessage): boolean;
  /** Inside a transaction of the output. */
  write(message: LogicalMessage, buf: Buffer): void;
}

export class LogicalMessages implements MessageTaker {
  readonly #writer: RowWriter;
  readonly #prefixes: ReadonlySet<string> | null;

  /** @param prefixes those that are wanted; absent: all */
  constructor(table: TableDescription, prefixes: readonly string[] | undefined, output: SourceOutput) {
    this.#writer = output.writer(output.register(table));
    this.#prefixes = prefixes === undefined ? null : new Set(prefixes);
  }

  wants({ prefix }: LogicalMessage): boolean {
    return this.#prefixes?.has(prefix) ?? !prefix.startsWith(DDL_PREFIX);
  }

  /** Inside a transaction of the output. */
  write({ lsn, prefix, transactional, from, to }: LogicalMessage, buf: Buffer): void {
    const writer = this.#writer;
    writer.begin('c');
    writer.side('after');
    [formatLsn(lsn), prefix, String(transactional)].forEach((text, column) => {
      const bytes = Buffer.from(text);
      writer.text(column, bytes, 0, bytes.length);
    });
    writer.text(3, buf, from, to);
    writer.end();
  }
}
