/**
 * Keys of rows, made of a template. Different rows get different keys: every column of the record key stands in the template,
 * and in a column that is followed by more of the template the character that follows is percent-encoded (as is `%`).
 */
import { type Row, type TableSchema, TailraceError } from '../../src/sdk/index.ts';
import { decodeCharacters, encodeCharacters, keyText } from '../../src/sdk/target/column-text.ts';
import { sourceTableName } from '../../src/sdk/target/names.ts';
import { SERVICE_PREFIX } from './scripts.ts';

/** Literal text, followed by a column or fact; the last literal has none. */
interface Part {
  readonly literal: string;
  readonly name: string | null;
}

const FACTS = ['$table', '$schema'];

function partsOf(template: string): readonly Part[] {
  const pieces = template.split(/\{([^{}]*)\}/);
  const parts: Part[] = [];
  for (let i = 0; i < pieces.length; i += 2) parts.push({ literal: pieces[i]!, name: pieces[i + 1] ?? null });
  return parts;
}

/** What is wrong with a template whatever the tables are; null when nothing is. */
export function keyTemplateProblem(template: string): string | null {
  const parts = partsOf(template);
  if (parts.some(({ literal }) => /[{}]/.test(literal))) return 'has a brace without its counterpart';
  const names = parts.flatMap(({ name }) => (name === null ? [] : [name]));
  const fact = names.find((name) => name.startsWith('$') && !FACTS.includes(name));
  if (fact !== undefined) return `{${fact}} is unknown; there are ${FACTS.map((name) => `{${name}}`).join(' and ')}`;
  if (names.includes('')) return 'has empty braces: name a column of the key between them, e.g. product:{id}';
  if (names.every((name) => name.startsWith('$'))) return 'needs the columns of the key in braces, e.g. product:{id}';
  if (parts[0]!.literal === '') return 'must start with literal text, e.g. product:{id}';
  if (parts[0]!.literal.startsWith(SERVICE_PREFIX))
    return `must not start with ${SERVICE_PREFIX}, which is kept for Tailrace`;
  if (parts.slice(1).some(({ literal, name }) => literal === '' && name !== null)) {
    return 'needs literal text between two placeholders, e.g. item:{order_id}:{line}';
  }
  return null;
}

/** The template for one table. */
export class KeyTemplate {
  /** What all keys of the table start with. */
  readonly prefix: string;
  /** The template with the table's facts filled in: equal for two tables whose rows would share keys. */
  readonly filled: string;
  readonly #parts: readonly { readonly before: string; readonly column: number; readonly encode: string }[];
  readonly #end: string;

  /** Throws `sink.not_ready` when the template does not name exactly the columns of the table's key. */
  constructor(template: string, table: TableSchema) {
    const filled: { literal: string; name: string | null }[] = [{ literal: '', name: null }];
    const all = partsOf(template);
    for (const [i, { literal, name }] of all.entries()) {
      const last = filled.at(-1)!;
      last.literal += literal;
      const follows = all[i + 1]?.literal[0] ?? '';
      if (name?.startsWith('$'))
        last.literal += encodeCharacters(name === '$table' ? table.table : table.schema, follows);
      else if (name !== null) {
        last.name = name;
        filled.push({ literal: '', name: null });
      }
    }
    checkColumns(
      template,
      filled.flatMap(({ name }) => name ?? []),
      table,
    );
    this.prefix = filled[0]!.literal;
    this.filled = filled.map(({ literal, name }) => literal + (name === null ? '' : `{${name}}`)).join('');
    this.#end = filled.at(-1)!.literal;
    this.#parts = filled.slice(0, -1).map(({ literal, name }, i) => ({
      before: literal,
      column: table.columns.findIndex((column) => column.name === name),
      encode: i === filled.length - 2 ? '' : filled[i + 1]!.literal[0]!,
    }));
  }

  keyOf(row: Row): string {
    let key = '';
    for (const { before, column, encode } of this.#parts) {
      const text = keyText(row, column);
      key += before + (encode === '' ? text : encodeCharacters(text, encode));
    }
    return key + this.#end;
  }

  /** Columns that the template names, by their index, in its order. */
  get columns(): readonly number[] {
    return this.#parts.map(({ column }) => column);
  }

  /** Texts of those columns; null for a key that the template does not make. */
  textsOf(key: string): readonly string[] | null {
    if (!key.startsWith(this.prefix) || !key.endsWith(this.#end)) return null;
    const texts: string[] = [];
    let at = this.prefix.length;
    const end = key.length - this.#end.length;
    for (const [i, { encode }] of this.#parts.entries()) {
      const next = this.#parts[i + 1];
      const to = next === undefined ? end : key.indexOf(next.before, at);
      if (to < at || to > end) return null;
      const text = key.slice(at, to);
      texts.push(encode === '' ? text : decodeCharacters(text));
      at = to + (next?.before.length ?? 0);
    }
    return texts;
  }
}

/**
 * A column that is not of the key could change, and the row under its old key would stay; a column of the key that is not in
 * the template would let rows overwrite each other.
 */
function checkColumns(template: string, names: readonly string[], table: TableSchema): void {
  const keys = table.columns.filter(({ keyOrdinal }) => keyOrdinal !== undefined).map(({ name }) => name);
  const where = `of ${sourceTableName(table)}`;
  const list = keys.map((name) => `{${name}}`).join(':');
  if (keys.length === 0) {
    throw new TailraceError('sink.not_ready', `rows ${where} have no key, so they cannot be kept under one in Redis`, {
      remedy: `give ${sourceTableName(table)} a primary key, or leave it out of this sink with \`from:\``,
    });
  }
  const remedy = `write \`key: ${table.table}:${list}\``;
  const foreign = names.find((name) => !keys.includes(name));
  if (foreign !== undefined) {
    const message = `\`key: ${template}\` names {${foreign}}, which is no column of the key ${where}`;
    throw new TailraceError('sink.not_ready', message, { remedy });
  }
  const missing = keys.find((name) => !names.includes(name));
  if (missing !== undefined) {
    const message = `\`key: ${template}\` lacks {${missing}}, a column of the key ${where}: rows would share a key`;
    throw new TailraceError('sink.not_ready', message, { remedy });
  }
}
