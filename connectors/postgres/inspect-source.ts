/**
 * Looks at the source's tables for a comparison with a target, beside the stream. What a reading saw is told by its
 * `pg_current_snapshot()` and a WAL position taken after it: docs/decisions/2026-11-24-snapshot-by-visibility.md.
 */
import type pg from 'pg';
import type {
  PageRequest,
  Position,
  RowOutput,
  SourceInspector,
  SourcePage,
  SourceView,
  TableSchema,
} from '../../src/sdk/index.ts';
import { TailraceError } from '../../src/sdk/index.ts';
import { keyTexts } from '../../src/sdk/target/key-text.ts';
import { BoundaryFinder } from './boundary-finder.ts';
import { catalogTable, type Rows } from './catalog.ts';
import { columnText } from './column-text.ts';
import { SqlSession } from './connections.ts';
import { writeCopyRow } from './copy-row.ts';
import { describeTable } from './descriptions.ts';
import { KeyOrder } from './key-order.ts';
import { publicationOf, quoteLiteral, quoteName, type SourceOptions, tableName } from './names.ts';
import { waitForOlderTransactions } from './older-transactions.ts';
import { lsnOf, readPosition } from './position.ts';
import { type CapturedTable, findPublication, fromTable, publishedTable } from './publication.ts';
import { SnapshotConnections } from './snapshot-connections.ts';
import type { Key } from './snapshot-state.ts';
import { asSourceError } from './source-errors.ts';
import { type TableSnapshot, Visibility } from './visibility.ts';

const BEGIN = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY';

/** The WAL position is taken after the snapshot: what the snapshot sees was committed below it. */
const FACTS_SQL = `
  SELECT pg_current_snapshot()::text AS snapshot, pg_export_snapshot() AS exported,
    CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END::text AS until`;

interface Facts extends TableSnapshot {
  readonly exported: string;
}

/** Until a busy standby is asked again what a snapshot sees. */
const RETRY_MS = 20;

/** Of one table as it is now: what a row condition makes of it is for `COPY`. */
interface Looked {
  readonly table: CapturedTable;
  readonly order: KeyOrder;
  readonly finder: BoundaryFinder;
}

export class PostgresInspector implements SourceInspector {
  readonly #options: SourceOptions;
  readonly #sql: SqlSession;
  readonly #looked = new Map<string, Looked>();
  #connections: SnapshotConnections | null = null;

  constructor(options: SourceOptions) {
    // One that exports what it sees, one that reads in it.
    this.#options = { ...options, config: { ...options.config, snapshot_connections: 1 } };
    this.#sql = new SqlSession(options);
  }

  async settle(signal: AbortSignal): Promise<void> {
    await waitForOlderTransactions(this.#options, this.#sql, signal);
  }

  async estimate(table: string): Promise<number | null> {
    return (await this.#look(table)).finder.estimate(null);
  }

  async page({ table, after, limit }: PageRequest, output: RowOutput): Promise<SourcePage> {
    const looked = await this.#look(table);
    const from = after === null ? null : (JSON.parse(after) as Key);
    const [to = null] = await looked.finder.bounds(from, limit, 1);
    await this.#read(looked, () => looked.order.within(from, to), output);
    return { next: to === null ? null : JSON.stringify(to) };
  }

  async rows(table: string, keys: readonly string[], output: RowOutput): Promise<SourceView> {
    const { order, ...looked } = await this.#look(table);
    return this.#read({ ...looked, order }, (schema) => order.among(keys.map((key) => keyOf(schema, key))), output);
  }

  async close(): Promise<void> {
    await this.#connections?.close();
    this.#connections = null;
    await this.#sql.close();
  }

  async #look(label: string): Promise<Looked> {
    const known = this.#looked.get(label);
    if (known !== undefined) return known;
    const rows: Rows = (text, values) => this.#sql.rows(text, values);
    const name = tableName(label);
    const catalog = await catalogTable(rows, name);
    if (catalog === undefined) throw gone(label);
    const table = { ...name, catalog };
    const order = await KeyOrder.read(rows, table);
    const looked = { table, order, finder: new BoundaryFinder(this.#sql, table, order) };
    this.#looked.set(label, looked);
    return looked;
  }

  async #snapshot(connections: SnapshotConnections): Promise<Facts> {
    for (;;) {
      const facts = await connections.snapshot<Facts>(FACTS_SQL);
      if (facts !== null) return facts;
      await this.#options.context.clock.sleep(RETRY_MS);
    }
  }

  /** The rows and columns that the stream has too, in one snapshot. */
  async #read(
    { table, order }: Looked,
    condition: (schema: TableSchema) => string | null,
    output: RowOutput,
  ): Promise<SourceView> {
    try {
      const connections = (this.#connections ??= await SnapshotConnections.open(this.#options, () => undefined));
      const { leader } = connections;
      await leader.query(BEGIN);
      const rows = queries(leader);
      const facts = await this.#snapshot(connections);
      const publication = await findPublication(this.#sql, publicationOf(this.#options).name);
      const published = publishedTable(publication, table);
      const described = await describeTable(rows, this.#options.name, table, published?.columns ?? null);
      if (described?.catalog.oid !== table.catalog.oid || published === undefined) throw gone(table.label);
      if ((await KeyOrder.read(rows, table)).fingerprint !== order.fingerprint) throw gone(table.label);
      const schema = output.register(described.description);
      const texts = described.types.map(columnText);
      const writer = output.writer(schema);
      const conditions = [published.filter, condition(schema)].filter((one) => one !== null);
      const where = conditions.length === 0 ? '' : ` WHERE ${conditions.map((one) => `(${one})`).join(' AND ')}`;
      const names = schema.columns.map(({ name }) => quoteName(name)).join(', ');
      await connections.workers[0]!.run(
        `${BEGIN}; SET TRANSACTION SNAPSHOT ${quoteLiteral(facts.exported)}; SET LOCAL jit = off; ` +
          `COPY (SELECT ${names} FROM ${fromTable(table)}${where}) TO STDOUT; COMMIT`,
        (buf, from, to) => {
          writer.begin('r');
          writer.side('after');
          writeCopyRow(writer, texts, buf, from, to);
          writer.end();
        },
      );
      await leader.query('COMMIT');
      return viewOf(facts);
    } catch (error) {
      await this.#connections?.close();
      this.#connections = null;
      throw asSourceError(error, this.#options.config.url);
    }
  }
}

function queries(client: pg.Client): Rows {
  return async <T extends object>(sql: string, values: unknown[] = []) => (await client.query<T>(sql, values)).rows;
}

function viewOf({ snapshot, until }: { snapshot: string; until: string }): SourceView {
  const visibility = new Visibility({ snapshot, until });
  return {
    isCovered: (by: Position) => lsnOf(readPosition(by)) >= visibility.until,
    sees: (transaction) => /^\d{1,10}$/.test(transaction) && visibility.sees(Number(transaction)),
  };
}

/** The key's texts as the server reads them. */
function keyOf(schema: TableSchema, key: string): Key {
  return keyTexts(schema, key).map(({ text, kind }) => {
    const read = kind === 'bytes' ? `\\x${Buffer.from(text, 'base64').toString('hex')}` : text;
    return Buffer.from(read).toString('base64');
  });
}

function gone(label: string): TailraceError {
  return new TailraceError('verify.changed', `the table ${label} is not captured as it was`, {
    remedy: 'start the verification again when the source streams',
  });
}
