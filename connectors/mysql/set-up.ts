/** What must be true before anything is read: the server's settings, the tables, the position. */
import { TailraceError } from '../../src/sdk/index.ts';
import { fileBegun } from './binlog-stream.ts';
import { type CatalogTable, catalogTable } from './catalog.ts';
import { tableProblems, unloggedCascades } from './check-tables.ts';
import type { SqlSession } from './connections.ts';
import { replicaOf, type SourceOptions, type TableName, tableName } from './names.ts';
import type { MysqlPosition, TableState } from './position.ts';
import { checkIncarnation, logEnd, type ServerFacts, serverFacts } from './server.ts';
import { type Problem, serverProblems, unloggedProblems } from './server-check.ts';
import { asStreamError, gap } from './source-errors.ts';

export interface Prepared {
  readonly facts: ServerFacts;
  readonly position: MysqlPosition;
  readonly tables: readonly TableName[];
  /** Tables that have to be read, in the order of the configuration. */
  readonly unread: readonly TableName[];
}

/** Throws typed errors; `source.gap` where the position cannot be gone on from (Invariant 11). */
export async function prepare(options: SourceOptions, sql: SqlSession, from: MysqlPosition | null): Promise<Prepared> {
  const facts = await serverFacts(sql);
  refuse(serverProblems(facts));
  const names = options.tables.map(tableName);
  refuse(
    await unloggedProblems(
      sql,
      facts,
      names.map(({ schema }) => schema),
    ),
  );
  const tables: TableName[] = [];
  for (const name of names) tables.push(await capturable(sql, facts, name));
  if (options.config.unlogged_cascades === 'refuse') {
    for (const table of tables) refuse(await unloggedCascades(sql, table, facts));
  }
  const start = { url: options.config.url, replica: replicaOf(options) };
  if (from === null) {
    const end = await logEnd(sql, facts);
    const begun = await begunOf(start, { flavor: facts.flavor, file: end.file });
    const states = Object.fromEntries(tables.map(({ label }) => [label, PENDING]));
    const position = { v: 1, flavor: facts.flavor, server: facts.server, ...end, begun, tables: states } as const;
    return { facts, position, tables, unread: toRead(options, position, tables) };
  }
  await checkIncarnation(sql, facts, from);
  if (from.server === facts.server && (await begunOf(start, from)) !== from.begun) {
    throw gap(`the binary log ${from.file} is another one than the position’s: the log was begun anew (RESET)`);
  }
  const states = Object.fromEntries(tables.map(({ label }) => [label, stateOf(options, from, label)]));
  const position = { ...from, server: facts.server, tables: states };
  return { facts, position, tables, unread: toRead(options, position, tables) };
}

const PENDING: TableState = { read: 'pending' };

async function begunOf(start: Parameters<typeof fileBegun>[0], file: Parameters<typeof fileBegun>[1]): Promise<number> {
  try {
    return await fileBegun(start, file);
  } catch (error) {
    throw asStreamError(error, start.url);
  }
}

/** A table that is added is read; without snapshots it is streamed from here on. */
function stateOf({ snapshot }: SourceOptions, from: MysqlPosition, label: string): TableState {
  return from.tables[label] ?? (snapshot === 'never' ? { read: 'past' } : PENDING);
}

function toRead(
  { snapshot }: SourceOptions,
  position: MysqlPosition,
  tables: readonly TableName[],
): readonly TableName[] {
  if (snapshot === 'never') return [];
  return tables.filter(({ label }) => position.tables[label]?.read === 'pending');
}

/** Throws `source.not_ready` for one that is not there or cannot be captured. */
async function capturable(sql: SqlSession, facts: ServerFacts, table: TableName): Promise<TableName> {
  const found: CatalogTable | undefined = await catalogTable(
    (text, values) => sql.rows(text, values),
    table,
    facts.flavor,
  );
  if (found === undefined) {
    throw new TailraceError('source.not_ready', `the table ${table.label} does not exist, or may not be read`, {
      remedy: 'correct it under `tables:` of the source, create it, or grant SELECT on it; `tailrace check` says which',
    });
  }
  refuse(tableProblems(table, found, facts));
  return table;
}

function refuse(problems: readonly Problem[]): void {
  for (const { message, remedy } of problems) throw new TailraceError('source.not_ready', message, { remedy });
}
