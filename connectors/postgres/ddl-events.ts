/** DDL as rows of a table that exists in the stream only: a row for each statement, in the transaction that runs it. */
import type { RowWriter, SourceOutput, TableDescription } from '../../src/sdk/index.ts';
import { ddlPrefix } from './ddl-trigger.ts';
import type { LogicalMessage, MessageTaker } from './logical-messages.ts';
import { formatLsn } from './lsn.ts';
import { type SourceOptions, tableName } from './names.ts';

/** Null when the source takes no DDL. */
export function ddlTable({ config, name }: SourceOptions): TableDescription | null {
  if (config.ddl === undefined) return null;
  const { schema, table } = tableName(config.ddl.table);
  return {
    source: name,
    schema,
    table,
    columns: [
      { name: 'lsn', kind: 'other', native: 'pg_lsn', nullable: false, keyOrdinal: 1 },
      { name: 'tag', kind: 'text', native: 'text', nullable: false },
      { name: 'objects', kind: 'json', native: 'jsonb', nullable: false },
      { name: 'text', kind: 'text', native: 'text', nullable: false },
    ],
  };
}

export class DdlEvents implements MessageTaker {
  readonly #writer: RowWriter;
  readonly #prefix: string;

  constructor(table: TableDescription, options: SourceOptions, output: SourceOutput) {
    this.#writer = output.writer(output.register(table));
    this.#prefix = ddlPrefix(options);
  }

  wants({ prefix }: LogicalMessage): boolean {
    return prefix === this.#prefix;
  }

  /** Inside a transaction of the output. */
  write({ lsn, from, to }: LogicalMessage, buf: Buffer): void {
    const { tag, objects, text } = contentOf(buf.toString('utf8', from, to));
    const writer = this.#writer;
    writer.begin('c');
    writer.side('after');
    [formatLsn(lsn), tag, objects, text].forEach((value, column) => {
      const bytes = Buffer.from(value);
      writer.text(column, bytes, 0, bytes.length);
    });
    writer.end();
  }
}

/** Anybody may write a message with that prefix: what is none of the triggers' is taken as it is. */
function contentOf(json: string): { readonly tag: string; readonly objects: string; readonly text: string } {
  let content: { tag?: unknown; objects?: unknown; text?: unknown } = {};
  try {
    content = Object(JSON.parse(json));
  } catch {
    return { tag: '', objects: '[]', text: json };
  }
  const { tag, objects, text } = content;
  return { tag: String(tag ?? ''), objects: JSON.stringify(objects ?? []), text: String(text ?? json) };
}
