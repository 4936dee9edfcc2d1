/** What must be true before anything is read: the server's settings, the tables, the position. */
import { TailraceError } from '../../src/sdk/index.ts';
import { type CatalogTable, catalogTable } from './catalog.ts';
import { tableProblems, unloggedCascades } from './check-tables.ts';
import type { SqlSession } from './connections.ts';
import { courseFrom, fileBegun, type LogFile, type LogReader } from './log-files.ts';
import { replicaOf, type SourceOptions, type TableName, tableName } from './names.ts';
import { isBefore, type MysqlPosition, type Place, snapshotsOf, type TableState, withSnapshot } from './position.ts';
import { currentDefinition } from './schema-history.ts';
import { checkIncarnation, logEnd, logFiles, type ServerFacts, serverFacts } from './server.ts';
import { type Problem, serverProblems, unloggedProblems } from './server-check.ts';
import { checkCrash, checkHistory } from './server-crash.ts';
import { asStreamError, gap } from './source-errors.ts';

export interface Prepared {
  readonly facts: ServerFacts;
  readonly position: MysqlPosition;
  /** The stream begins in this file or one before: up to it, it is known how the server ended its files. */
  readonly known: string;
  readonly tables: readonly TableName[];
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
  const reader = { url: options.config.url, replica: replicaOf(options) };
  const states = (saved: MysqlPosition | null) =>
    Object.fromEntries(tables.map(({ label }) => [label, stateOf(options, saved, label)]));
  if (from === null) {
    const { flavor, server } = facts;
    const { known, ...end } = await endPlace(reader, sql, facts);
    const history = await historyOf(sql, facts, tables, null);
    const rest = { tables: states(null), prepared: [], history, private: null };
    const position: MysqlPosition = { v: 1, flavor, server, ...end, ...rest };
    return { facts, position, known, tables };
  }
  await checkIncarnation(sql, facts, from);
  // Files of another server say nothing of where this one has the transactions; its end is behind all that were seen.
  const { known, ...place } =
    from.server === facts.server ? await goneOn(options, sql, facts, from) : await endPlace(reader, sql, facts);
  const position = { ...from, ...place, gtid: from.gtid, server: facts.server, tables: states(from) };
  const history = await historyOf(sql, facts, tables, position);
  return { facts, position: withoutOthers({ ...position, history }), known, tables };
}

/** A place in the server's files. */
interface KnownPlace extends LogFile {
  readonly known: string;
}

async function endPlace(reader: LogReader, sql: SqlSession, facts: ServerFacts): Promise<Place & KnownPlace> {
  const end = await logEnd(sql, facts);
  const begun = await asked(reader, () => fileBegun(reader, { flavor: facts.flavor, file: end.file }));
  if (begun === null) throw gap(`the binary log ${end.file} cannot be read`);
  return { ...end, begun, known: end.file };
}

/**
 * The place in the same server's files at which the log goes on behind the position. Throws `source.gap` when what was there
 * is not there now (Invariants 5 and 11).
 */
async function goneOn(
  options: SourceOptions,
  sql: SqlSession,
  facts: ServerFacts,
  from: MysqlPosition,
): Promise<KnownPlace> {
  const { url, after_crash } = options.config;
  const reader = { url, replica: replicaOf(options) };
  const { file, pos, begun } = from;
  if ((await asked(reader, () => fileBegun(reader, from))) !== begun) {
    throw gap(`the binary log ${file} is another one than the position’s: the log was begun anew (RESET)`);
  }
  const files = (await logFiles(sql)).map(({ Log_name }) => Log_name);
  const last = files.at(-1) ?? file;
  if (last === file) return { file, pos, begun, known: file };
  const course = await asked(reader, () => courseFrom(reader, from, files));
  // Beyond 4 GiB.
  if (course === null) return { file, pos, begun, known: last };
  const { crash, next } = course;
  if (crash !== null) {
    checkCrash(facts, after_crash, crash.file);
    await asked(reader, async () => checkHistory(crash, from));
  }
  return { ...next, known: next.file };
}

const PENDING: TableState = { read: 'pending' };

async function asked<T>({ url }: LogReader, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw asStreamError(error, url);
  }
}

/** A table that is added is read; without snapshots it is streamed from here on. */
function stateOf({ snapshot }: SourceOptions, from: MysqlPosition | null, label: string): TableState {
  if (from === null) return PENDING;
  return from.tables[label] ?? (snapshot === 'never' ? { read: 'past' } : PENDING);
}

/** Null where the rows say which columns they have. */
async function historyOf(
  sql: SqlSession,
  facts: ServerFacts,
  tables: readonly TableName[],
  position: MysqlPosition | null,
): Promise<MysqlPosition['history']> {
  if (facts.variables.get('binlog_row_metadata') === 'FULL') return null;
  const saved = position?.history ?? {};
  const labels = tables.map(({ label }) => label);
  // What is not captured is a copy that a migration fills.
  const isKept = (label: string) => labels.includes(label) || !Object.hasOwn(position?.tables ?? {}, label);
  const history = Object.fromEntries(Object.entries(saved).filter(([label]) => isKept(label)));
  for (const table of tables.filter(({ label }) => !Object.hasOwn(saved, label))) {
    history[table.label] = await currentDefinition(sql, facts, table);
    const { since } = history[table.label]!;
    if (position?.tables[table.label]?.read !== 'past' || !isBefore(position, since!)) continue;
    throw gap(
      `binlog_row_metadata became MINIMAL while the source was behind: what ${table.label} was at the position is not known`,
      'SET GLOBAL binlog_row_metadata = FULL; and set `on_gap: resnapshot` on the source',
    );
  }
  return history;
}

/** A table that is not captured any more is not read any more. */
function withoutOthers(position: MysqlPosition): MysqlPosition {
  const gone = Object.keys(snapshotsOf(position)).filter((label) => !Object.hasOwn(position.tables, label));
  return gone.reduce((rest, label) => withSnapshot(rest, label, null), position);
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
