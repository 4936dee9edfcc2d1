/**
 * Statements of the binary log (QUERY events): what they do to tables. Only the beginning of a statement is understood, as
 * far as it says which table is meant; what is not understood and names a captured table is for the caller to refuse
 * (Invariant 5).
 */
import { type NamedTable, type Token, TokenReader, tokensOf } from './tokens.ts';

export type Effect =
  | { readonly kind: 'begin' | 'commit' | 'rollback' | 'xa-end' | 'none' }
  /** Changes of the open transaction are taken back to a savepoint. */
  | { readonly kind: 'rollback-to' }
  /** Changes of rows that are not in the log as rows. */
  | { readonly kind: 'dml'; readonly verb: string }
  | { readonly kind: 'truncate'; readonly table: NamedTable }
  /** Columns may be others from here on. */
  | { readonly kind: 'altered'; readonly table: NamedTable; readonly clauses: readonly (readonly Token[])[] }
  /** Rows went without being in the log, or the name stands for another table. `by`: what did it. */
  | {
      readonly kind: 'replaced';
      readonly tables: readonly NamedTable[];
      readonly by: string;
      /** Of CREATE TABLE: the columns and what follows, or the table that it is made like. */
      readonly made?: { readonly like: NamedTable } | { readonly definition: readonly Token[] };
    }
  | { readonly kind: 'renamed'; readonly pairs: readonly (readonly [from: NamedTable, to: NamedTable])[] }
  | { readonly kind: 'schema-dropped'; readonly schema: string }
  | { readonly kind: 'unknown' };

const MAX_TOKENS = 20_000;
const DML = new Set([
  'INSERT',
  'UPDATE',
  'DELETE',
  'REPLACE',
  'LOAD',
  'WITH',
  'CALL',
  'DO',
  'SELECT',
  'VALUES',
  'TABLE',
]);
/** Of objects that hold no rows, and of upkeep that changes none. */
const HARMLESS = new Set([
  'GRANT',
  'REVOKE',
  'FLUSH',
  'ANALYZE',
  'OPTIMIZE',
  'REPAIR',
  'CHECK',
  'INSTALL',
  'UNINSTALL',
  'USE',
  'RESET',
  'CHANGE',
  'SAVEPOINT',
  'RELEASE',
]);
const OBJECTS = new Set([
  'VIEW',
  'TRIGGER',
  'PROCEDURE',
  'FUNCTION',
  'EVENT',
  'USER',
  'ROLE',
  'INDEX',
  'SERVER',
  'TABLESPACE',
  'UNDO',
  'LOGFILE',
  'RESOURCE',
  'LIBRARY',
  'SPATIAL',
  'SEQUENCE',
  'PACKAGE',
  'INSTANCE',
  'MATERIALIZED',
]);

/** @param schema the statement's default database */
export function effectOf(sql: string, schema: string, ansiQuotes: boolean): Effect {
  return effectOfWords(new TokenReader(tokensOf(sql, ansiQuotes, MAX_TOKENS), schema));
}

function effectOfWords(reader: TokenReader): Effect {
  const verb = reader.word();
  switch (verb) {
    case 'BEGIN':
    case 'START':
      return { kind: 'begin' };
    case 'COMMIT':
      return { kind: 'commit' };
    case 'ROLLBACK':
      return { kind: reader.rest.some(({ text }) => text.toUpperCase() === 'TO') ? 'rollback-to' : 'rollback' };
    case 'XA':
      return xaEffect(reader.word());
    case 'TRUNCATE': {
      reader.skip('TABLE');
      const table = reader.table();
      return table === null ? { kind: 'unknown' } : { kind: 'truncate', table };
    }
    case 'SET':
      return reader.skip('STATEMENT') ? settingEffect(reader) : { kind: 'none' };
    case 'ALTER':
      return alterEffect(reader);
    case 'RENAME':
      return renameEffect(reader);
    case 'DROP':
      return dropEffect(reader);
    case 'CREATE':
      return createEffect(reader);
    default:
      if (DML.has(verb)) return { kind: 'dml', verb };
      return { kind: HARMLESS.has(verb) ? 'none' : 'unknown' };
  }
}

/** The tables that it changes. */
export function namedBy(effect: Effect): readonly NamedTable[] {
  switch (effect.kind) {
    case 'truncate':
    case 'altered':
      return [effect.table];
    case 'replaced':
      return effect.tables;
    case 'renamed':
      return effect.pairs.flat();
    default:
      return [];
  }
}

/** True when any word or name of the statement is this one, in any case. */
export function mentions(sql: string, name: string): boolean {
  return sql.toLowerCase().includes(name.toLowerCase());
}

function xaEffect(word: string): Effect {
  if (word === 'START' || word === 'BEGIN') return { kind: 'begin' };
  return { kind: word === 'COMMIT' || word === 'ROLLBACK' ? 'xa-end' : 'none' };
}

/** MariaDB: SET STATEMENT variable = value, … FOR statement. The log has it as it was sent. */
function settingEffect(reader: TokenReader): Effect {
  return reader.pass('FOR') ? effectOfWords(reader) : { kind: 'unknown' };
}

const ALTER_FILLERS = ['ONLINE', 'OFFLINE', 'IGNORE'];

function alterEffect(reader: TokenReader): Effect {
  while (ALTER_FILLERS.includes(reader.peek())) reader.word();
  const object = reader.word();
  if (object === 'DATABASE' || object === 'SCHEMA') return { kind: 'none' };
  if (object !== 'TABLE')
    return {
      kind:
        OBJECTS.has(object) || object.startsWith('DEFINER') || object === 'ALGORITHM' || object === 'SQL'
          ? 'none'
          : 'unknown',
    };
  reader.skip('IF', 'EXISTS');
  const table = reader.table();
  if (table === null) return { kind: 'unknown' };
  reader.skipWait();
  return tableChange(reader, table);
}

/** The clauses of ALTER TABLE at the top level. */
function tableChange(reader: TokenReader, table: NamedTable): Effect {
  for (const clause of reader.clauses()) {
    const [first = '', second = ''] = clause.map(({ kind, text }) => (kind === 'word' ? text.toUpperCase() : ''));
    const partitioned = second === 'PARTITION' || first === 'EXCHANGE';
    if (partitioned && ['DROP', 'TRUNCATE', 'EXCHANGE', 'DISCARD', 'IMPORT'].includes(first)) {
      return { kind: 'replaced', tables: [table], by: `ALTER TABLE … ${first} PARTITION` };
    }
    if (['DISCARD', 'IMPORT'].includes(first))
      return { kind: 'replaced', tables: [table], by: `ALTER TABLE … ${first} TABLESPACE` };
    if (['CONVERT'].includes(first) && ['PARTITION', 'TABLE'].includes(second)) {
      return { kind: 'replaced', tables: [table], by: 'ALTER TABLE … CONVERT PARTITION' };
    }
    if (first === 'RENAME' && !['COLUMN', 'INDEX', 'KEY'].includes(second)) {
      const rest = new TokenReader(clause.slice(1), table.schema);
      rest.skip('TO');
      rest.skip('AS');
      rest.skipSign('=');
      const to = rest.table();
      return to === null ? { kind: 'unknown' } : { kind: 'renamed', pairs: [[table, { ...to }]] };
    }
  }
  return { kind: 'altered', table, clauses: reader.clauses() };
}

function renameEffect(reader: TokenReader): Effect {
  const object = reader.word();
  if (object === 'USER') return { kind: 'none' };
  if (object !== 'TABLE' && object !== 'TABLES') return { kind: 'unknown' };
  reader.skip('IF', 'EXISTS');
  const pairs: (readonly [NamedTable, NamedTable])[] = [];
  do {
    const from = reader.table();
    reader.skipWait();
    reader.skip('TO');
    const to = reader.table();
    if (from === null || to === null) return { kind: 'unknown' };
    pairs.push([from, to]);
  } while (reader.skipSign(','));
  return { kind: 'renamed', pairs };
}

function dropEffect(reader: TokenReader): Effect {
  const object = reader.word();
  if (object === 'TEMPORARY') return { kind: 'none' };
  if (object === 'DATABASE' || object === 'SCHEMA') {
    reader.skip('IF', 'EXISTS');
    const schema = reader.name();
    return schema === null ? { kind: 'unknown' } : { kind: 'schema-dropped', schema };
  }
  if (object !== 'TABLE' && object !== 'TABLES')
    return { kind: OBJECTS.has(object) || object === 'PREPARE' ? 'none' : 'unknown' };
  reader.skip('IF', 'EXISTS');
  const tables: NamedTable[] = [];
  do {
    const table = reader.table();
    if (table === null) return { kind: 'unknown' };
    tables.push(table);
  } while (reader.skipSign(','));
  return { kind: 'replaced', tables, by: 'DROP TABLE' };
}

function createEffect(reader: TokenReader): Effect {
  const replacing = reader.skip('OR', 'REPLACE');
  let object = reader.word();
  while (/^(DEFINER|ALGORITHM|SQL|AGGREGATE|UNIQUE|FULLTEXT|ONLINE|OFFLINE|EXTERNAL)$/.test(object)) {
    if (object === 'UNIQUE' || object === 'FULLTEXT' || object === 'EXTERNAL') return { kind: 'none' };
    object = reader.until(OBJECTS);
  }
  if (object === 'TEMPORARY' || object === 'DATABASE' || object === 'SCHEMA') return { kind: 'none' };
  if (object !== 'TABLE') return { kind: OBJECTS.has(object) ? 'none' : 'unknown' };
  const careful = reader.skip('IF', 'NOT', 'EXISTS');
  const table = reader.table();
  if (table === null) return { kind: 'unknown' };
  // With IF NOT EXISTS nothing happens to a table that is there.
  if (careful && !replacing) return { kind: 'none' };
  const like = new TokenReader(reader.rest, table.schema);
  like.skipSign('(');
  const other = like.skip('LIKE') ? like.table() : null;
  const made = other === null ? { definition: reader.rest } : { like: other };
  return { kind: 'replaced', tables: [table], by: 'CREATE TABLE', made };
}
