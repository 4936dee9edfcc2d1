/**
 * What ALTER TABLE and CREATE TABLE do to the columns of a table, as far as table maps without names need it
 * (binlog_row_metadata = MINIMAL): names in their order, labels of ENUM and SET, the primary key.
 */
import { z } from '../../src/sdk/index.ts';
import { clausesOf, type Token } from './tokens.ts';

const column = z.strictObject({
  name: z.string(),
  /** Of an ENUM or SET; null for other types. */
  labels: z.array(z.string()).nullable(),
});

export const definition = z.strictObject({
  columns: z.array(column),
  /** Names of the primary key's columns, in order. */
  keys: z.array(z.string()),
});

type DefinedColumn = z.output<typeof column>;
export type Definition = z.output<typeof definition>;

/** Clauses that change nothing of it. */
const HARMLESS =
  /^(ENGINE|AUTO_INCREMENT|AVG_ROW_LENGTH|CHARACTER|CHARSET|DEFAULT|COLLATE|COMMENT|CHECKSUM|ROW_FORMAT|KEY_BLOCK_SIZE|STATS_\w+|ALGORITHM|LOCK|FORCE|ENABLE|DISABLE|CONVERT|ALTER|COMPRESSION|ENCRYPTION|ENCRYPTED|TABLESPACE|WITHOUT|REMOVE|PARTITION|ANALYZE|CHECK|COALESCE|REBUILD|REORGANIZE|OPTIMIZE|REPAIR|MAX_ROWS|MIN_ROWS|PACK_KEYS|DATA|INDEX|DELAY_KEY_WRITE|SECONDARY_\w+|PAGE_\w+|TRANSACTIONAL|AUTOEXTEND_SIZE)$/;
/** Behind ADD and DROP, in place of a column. */
const NO_COLUMN = /^(INDEX|KEY|UNIQUE|FULLTEXT|SPATIAL|FOREIGN|CHECK|PARTITION)$/;

/** Null where a clause is not understood. */
export function alteredDefinition(before: Definition, clauses: readonly (readonly Token[])[]): Definition | null {
  let now: Definition | null = before;
  for (const clause of clauses) {
    if (now === null) return null;
    const one = new Clause(clause);
    // Behind it come more columns of the order.
    if (one.isNext('ORDER', 'BY')) return now;
    now = alter(now, one);
  }
  return now;
}

/** Of `( columns and keys )`, with options behind. Null where something is not understood. */
export function createdDefinition(tokens: readonly Token[]): Definition | null {
  const clause = new Clause(tokens);
  const inner = clause.parenthesis();
  // CREATE … SELECT adds columns.
  if (inner === null || clause.rest.some(({ kind, text }) => kind === 'word' && /^SELECT$/i.test(text))) return null;
  let now: Definition | null = { columns: [], keys: [] };
  for (const one of clausesOf(inner)) now = now === null ? null : add(now, new Clause(one));
  return now;
}

function alter(table: Definition, clause: Clause): Definition | null {
  switch (clause.word()) {
    case 'ADD':
      return addAll(table, clause);
    case 'DROP':
      return drop(table, clause);
    case 'CHANGE':
      return change(table, clause, true);
    case 'MODIFY':
      return change(table, clause, false);
    case 'RENAME':
      return rename(table, clause);
    default:
      return HARMLESS.test(clause.first) ? table : null;
  }
}

function addAll(table: Definition, clause: Clause): Definition | null {
  const named = clause.skip('COLUMN');
  const careful = clause.skip('IF') && clause.skip('NOT') && clause.skip('EXISTS');
  const inner = clause.parenthesis();
  if (inner === null) return add(table, clause, named, careful);
  let now: Definition | null = table;
  for (const one of clausesOf(inner)) now = now === null ? null : add(now, new Clause(one), false, careful);
  return now;
}

/** A column, a key or a constraint. */
function add(table: Definition, clause: Clause, named = false, careful = false): Definition | null {
  if (!named) {
    const isConstraint = clause.skip('CONSTRAINT');
    if (isConstraint && !clause.isNext('PRIMARY') && !NO_COLUMN.test(clause.peek())) clause.name();
    if (clause.skip('PRIMARY')) return withKey(table, clause);
    if (isConstraint || NO_COLUMN.test(clause.peek())) return table;
    if (clause.isNext('VECTOR', 'INDEX') || clause.isNext('VECTOR', 'KEY')) return table;
    if (clause.isNext('SYSTEM') || clause.isNext('PERIOD')) return null;
  }
  const name = clause.name();
  if (name === null) return null;
  if (find(table, name) >= 0) return careful ? table : null;
  const defined = columnOf(name, clause);
  return defined === null ? null : placed(table, table.columns, defined, clause);
}

function withKey(table: Definition, clause: Clause): Definition | null {
  const list = clause.nextParenthesis();
  if (list === null) return null;
  const keys: string[] = [];
  for (const [first] of clausesOf(list)) {
    const at = first === undefined ? -1 : find(table, first.text);
    if (at < 0) return null;
    keys.push(table.columns[at]!.name);
  }
  return { ...table, keys };
}

function drop(table: Definition, clause: Clause): Definition | null {
  const named = clause.skip('COLUMN');
  if (!named && clause.skip('PRIMARY')) return { ...table, keys: [] };
  if (!named && (NO_COLUMN.test(clause.peek()) || clause.isNext('CONSTRAINT'))) {
    return clause.rest.some(({ text }) => text.toUpperCase() === 'PRIMARY') ? { ...table, keys: [] } : table;
  }
  if (!named && (clause.isNext('SYSTEM') || clause.isNext('PERIOD'))) return null;
  const careful = clause.skip('IF') && clause.skip('EXISTS');
  const name = clause.name();
  const at = name === null ? -1 : find(table, name);
  if (at < 0) return careful ? table : null;
  const gone = table.columns[at]!.name;
  return { columns: table.columns.filter((_, i) => i !== at), keys: table.keys.filter((key) => key !== gone) };
}

function change(table: Definition, clause: Clause, renames: boolean): Definition | null {
  clause.skip('COLUMN');
  const careful = clause.skip('IF') && clause.skip('EXISTS');
  const old = clause.name();
  const name = renames ? clause.name() : old;
  if (old === null || name === null) return null;
  const at = find(table, old);
  if (at < 0) return careful ? table : null;
  const known = table.columns[at]!;
  const defined = columnOf(renames ? name : known.name, clause);
  if (defined === null) return null;
  const keys = table.keys.map((key) => (key === known.name ? defined.column.name : key));
  if (!clause.isPlaced) {
    const columns = table.columns.with(at, defined.column);
    return { columns, keys: defined.isKey ? [defined.column.name] : keys };
  }
  const others = table.columns.filter((_, i) => i !== at);
  return placed({ columns: others, keys }, others, defined, clause);
}

function rename(table: Definition, clause: Clause): Definition | null {
  if (clause.skip('INDEX') || clause.skip('KEY')) return table;
  if (!clause.skip('COLUMN')) return null;
  const careful = clause.skip('IF') && clause.skip('EXISTS');
  const old = clause.name();
  clause.skip('TO');
  const name = clause.name();
  if (old === null || name === null) return null;
  const at = find(table, old);
  if (at < 0) return careful ? table : null;
  const known = table.columns[at]!;
  const keys = table.keys.map((key) => (key === known.name ? name : key));
  return { columns: table.columns.with(at, { ...known, name }), keys };
}

interface Defined {
  readonly column: DefinedColumn;
  readonly isKey: boolean;
}

/** The type and what follows, behind the name. */
function columnOf(name: string, clause: Clause): Defined | null {
  const type = clause.word();
  if (type === '') return null;
  let labels: string[] | null = null;
  if (type === 'ENUM' || type === 'SET') {
    labels = labelsOf(clause.parenthesis());
    if (labels === null) return null;
  }
  const words = clause.topWords();
  // KEY alone stands for PRIMARY KEY.
  const isKey = words.some(
    (word, i) => word === 'PRIMARY' || (word === 'KEY' && !['UNIQUE', 'PRIMARY'].includes(words[i - 1] ?? '')),
  );
  return { column: { name, labels }, isKey };
}

/** Labels with escapes are not understood: what they mean is a setting. */
function labelsOf(tokens: readonly Token[] | null): string[] | null {
  if (tokens === null) return null;
  const labels: string[] = [];
  for (const [i, { kind, text }] of tokens.entries()) {
    if (i % 2 === 1) continue;
    if (kind !== 'text' || text.includes('\\')) return null;
    const quote = text[0]!;
    // Blanks at their ends are not kept.
    labels.push(
      text
        .slice(1, -1)
        .replaceAll(quote + quote, quote)
        .replace(/ +$/, ''),
    );
  }
  return labels;
}

/** With the column where the end of the clause says. */
function placed(
  table: Definition,
  others: readonly DefinedColumn[],
  { column: defined, isKey }: Defined,
  clause: Clause,
): Definition | null {
  const keys = isKey ? [defined.name] : table.keys;
  const after = clause.after;
  if (after === undefined) return { columns: clause.isFirst ? [defined, ...others] : [...others, defined], keys };
  const at = others.findIndex(({ name }) => same(name, after));
  return at < 0 ? null : { columns: others.toSpliced(at + 1, 0, defined), keys };
}

const same = (a: string, b: string) => a.toLowerCase() === b.toLowerCase();
const find = ({ columns }: Definition, name: string): number => columns.findIndex((one) => same(one.name, name));

/** Reads one clause. */
class Clause {
  readonly first: string;
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
    this.first = this.peek();
  }

  get rest(): readonly Token[] {
    return this.#tokens.slice(this.#at);
  }

  peek(ahead = 0): string {
    const token = this.#tokens[this.#at + ahead];
    return token?.kind === 'word' ? token.text.toUpperCase() : '';
  }

  word(): string {
    const word = this.peek();
    this.#at++;
    return word;
  }

  isNext(...words: readonly string[]): boolean {
    return words.every((word, i) => this.peek(i) === word);
  }

  skip(word: string): boolean {
    const next = this.peek() === word;
    if (next) this.#at++;
    return next;
  }

  name(): string | null {
    const token = this.#tokens[this.#at];
    if (token === undefined || (token.kind !== 'word' && token.kind !== 'name')) return null;
    this.#at++;
    return token.text;
  }

  /** What stands in the parentheses that are next; null without them. */
  parenthesis(): readonly Token[] | null {
    if (!isSign(this.#tokens[this.#at], '(')) return null;
    const from = this.#at + 1;
    for (let depth = 0; this.#at < this.#tokens.length; ) {
      const token = this.#tokens[this.#at++];
      if (isSign(token, '(')) depth++;
      if (isSign(token, ')') && --depth === 0) return this.#tokens.slice(from, this.#at - 1);
    }
    return null;
  }

  nextParenthesis(): readonly Token[] | null {
    while (this.#at < this.#tokens.length && !isSign(this.#tokens[this.#at], '(')) this.#at++;
    return this.parenthesis();
  }

  /** Words of the rest that stand in no parentheses. */
  topWords(): string[] {
    let depth = 0;
    return this.rest.flatMap((token) => {
      if (isSign(token, '(')) depth++;
      if (isSign(token, ')')) depth--;
      return depth === 0 && token.kind === 'word' ? [token.text.toUpperCase()] : [];
    });
  }

  get isFirst(): boolean {
    const last = this.#tokens.at(-1);
    return last?.kind === 'word' && last.text.toUpperCase() === 'FIRST';
  }

  /** The column that it stands behind. */
  get after(): string | undefined {
    const [before, last] = this.#tokens.slice(-2);
    const isAfter = before?.kind === 'word' && before.text.toUpperCase() === 'AFTER' && this.#tokens.length > 2;
    return isAfter && (last?.kind === 'word' || last?.kind === 'name') ? last.text : undefined;
  }

  get isPlaced(): boolean {
    return this.isFirst || this.after !== undefined;
  }
}

const isSign = (token: Token | undefined, text: string): boolean => token?.kind === 'sign' && token.text === text;
