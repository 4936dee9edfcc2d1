/**
 * Looks at the source's tables for a comparison with a target, beside the stream. What a reading saw lies before a place in the
 * binary log that is noted after its snapshot was begun: docs/decisions/2026-11-25-mysql-snapshot.md.
 */
import {
  type PageRequest,
  type Position,
  type RowOutput,
  type SourceInspector,
  type SourcePage,
  type SourceView,
  TailraceError,
} from '../../src/sdk/index.ts';
import { keyTexts } from '../../src/sdk/target/key-text.ts';
import { BoundaryFinder, estimate } from './boundary-finder.ts';
import { type CatalogTable, catalogTable } from './catalog.ts';
import { columnExpression, columnText } from './column-text.ts';
import { describe } from './columns.ts';
import { SqlSession } from './connections.ts';
import { beginView, SettledLog } from './inspected-log.ts';
import { type Key, KeyOrder } from './key-order.ts';
import { quoteTable, type SourceOptions, type TableName, tableName } from './names.ts';
import { isBefore, readPosition } from './position.ts';
import { ResultSet } from './result-set.ts';
import { type ServerFacts, serverFacts } from './server.ts';
import { asSourceError } from './source-errors.ts';
import { TextConnection } from './text-connection.ts';

interface Looked {
  readonly table: TableName;
  readonly catalog: CatalogTable;
  readonly order: KeyOrder;
}

export class MysqlInspector implements SourceInspector {
  readonly #options: SourceOptions;
  readonly #sql: SqlSession;
  readonly #looked = new Map<string, Looked>();
  readonly #settled: SettledLog;
  #facts: ServerFacts | null = null;
  #connection: TextConnection | null = null;

  constructor(options: SourceOptions) {
    this.#options = options;
    this.#sql = new SqlSession(options.config.url);
    this.#settled = new SettledLog(options, this.#sql);
  }

  async settle(signal: AbortSignal): Promise<void> {
    const facts = await this.#server();
    await this.#on((connection) => this.#settled.wait(connection, facts, signal));
  }

  async estimate(label: string): Promise<number | null> {
    const { flavor } = await this.#server();
    return (await estimate(this.#sql, (await this.#look(label)).table, null, flavor)).rows;
  }

  async page({ table: label, after, limit }: PageRequest, output: RowOutput): Promise<SourcePage> {
    const looked = await this.#look(label);
    const from = after === null ? null : (JSON.parse(after) as Key);
    const to = await this.#on((connection) =>
      new BoundaryFinder(connection, looked.table, looked.catalog, looked.order).next(from, limit, null),
    );
    await this.#read(looked, looked.order.within(from, to), output);
    return { next: to === null ? null : JSON.stringify(to) };
  }

  async rows(label: string, keys: readonly string[], output: RowOutput): Promise<SourceView> {
    const looked = await this.#look(label);
    const { columns } = describe(this.#options.name, looked.table, looked.catalog.columns, looked.catalog.primaryKey);
    const texts = keys.map((key) => keyTexts({ columns }, key).map(({ text }) => text));
    return this.#read(looked, looked.order.among(texts), output);
  }

  async close(): Promise<void> {
    this.#connection?.close();
    this.#connection = null;
    await this.#sql.close();
  }

  async #server(): Promise<ServerFacts> {
    return (this.#facts ??= await serverFacts(this.#sql));
  }

  async #look(label: string): Promise<Looked> {
    const known = this.#looked.get(label);
    if (known !== undefined) return known;
    const table = tableName(label);
    const catalog = await this.#catalog(table);
    if (catalog === undefined || catalog.primaryKey.length === 0) throw gone(label);
    const looked = { table, catalog, order: KeyOrder.of(catalog) };
    this.#looked.set(label, looked);
    return looked;
  }

  async #catalog(table: TableName): Promise<CatalogTable | undefined> {
    const { flavor } = await this.#server();
    return catalogTable((text, values) => this.#sql.rows(text, values), table, flavor);
  }

  /** All columns, in one snapshot. */
  async #read({ table, order }: Looked, condition: string | null, output: RowOutput): Promise<SourceView> {
    const facts = await this.#server();
    return this.#on(async (connection) => {
      const seen = await beginView(connection, facts, this.#settled);
      // From here to the end of the transaction the table keeps its columns.
      await connection.run(`SELECT 1 FROM ${quoteTable(table)} LIMIT 1`);
      const catalog = await this.#catalog(table);
      if (catalog === undefined || KeyOrder.of(catalog).fingerprint !== order.fingerprint) throw gone(table.label);
      const { columns, primaryKey } = catalog;
      const texts = columns.map(columnText);
      const writer = output.writer(output.register(describe(this.#options.name, table, columns, primaryKey)));
      const such = condition === null ? '' : ` WHERE ${condition}`;
      const list = columns.map(columnExpression).join(', ');
      await connection.run(`SELECT ${list} FROM ${quoteTable(table)}${such}`, (buf, from, to) => {
        writer.begin('r');
        writer.side('after');
        ResultSet.write(writer, texts, buf, from, to);
        writer.end();
      });
      await connection.run('COMMIT');
      const isCovered = (by: Position) => !isBefore(readPosition(by), seen.until);
      return { isCovered, sees: seen.sees };
    });
  }

  /** A connection that has failed, or is in the midst of something, is not used again. */
  async #on<T>(use: (connection: TextConnection) => Promise<T>): Promise<T> {
    try {
      return await use((this.#connection ??= await TextConnection.open(this.#options.config.url)));
    } catch (error) {
      this.#connection?.close();
      this.#connection = null;
      throw error instanceof TailraceError ? error : asSourceError(error, this.#options.config.url);
    }
  }
}

function gone(label: string): TailraceError {
  return new TailraceError('verify.changed', `the table ${label} is not captured as it was`, {
    remedy: 'start the verification again when the source streams',
  });
}
