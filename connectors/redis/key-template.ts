/**
 * Keys of rows, made of a template. Different rows get different keys: a column that is followed by more of the template has the
 * character that follows percent-encoded (as is `%`).
 *
 * In a cluster `{$group}` stands for a hash tag, `{0}` to `{n-1}`: CRC16 of the rest of the key, modulo n. Keys of one group
 * lie in one slot, so that one call can write many of them.
 */
import { type Row, type TableSchema, TailraceError } from '../../src/sdk/index.ts';
import { decodeCharacters, encodeCharacters, keyText } from '../../src/sdk/target/column-text.ts';
import { sourceTableName } from '../../src/sdk/target/names.ts';
import { crc16 } from './slot.ts';

/** Literal text, followed by a column or fact; the last literal has none. */
interface Part {
  readonly literal: string;
  readonly name: string | null;
}

export const GROUP = '$group';

export function partsOf(template: string): readonly Part[] {
  const pieces = template.split(/\{([^{}]*)\}/);
  const parts: Part[] = [];
  for (let i = 0; i < pieces.length; i += 2) parts.push({ literal: pieces[i]!, name: pieces[i + 1] ?? null });
  return parts;
}

/** Columns that a template names. */
export function columnsIn(template: string): readonly string[] {
  return partsOf(template).flatMap(({ name }) => (name === null || name.startsWith('$') ? [] : [name]));
}

export interface Key {
  readonly text: string;
  /** From 0; 0 where there are no groups. */
  readonly group: number;
}

/** The template for one table, whose columns it names are there. */
export class KeyTemplate {
  /** What all keys of the table start with in this group. */
  readonly prefixOf: (group: number) => string;
  /** The template with the table's facts filled in: equal for two tables whose rows would share keys. */
  readonly filled: string;
  /** Columns that the template names, by their index, in its order. */
  readonly columns: readonly number[];
  readonly #parts: readonly { readonly before: string; readonly column: number; readonly encode: string }[];
  readonly #end: string;
  /** Where the hash tag stands: always before the first column. -1: there is none. */
  readonly #tagAt: number;
  readonly #groups: number;

  /** @param groups 1 where there is no cluster */
  constructor(template: string, table: TableSchema, groups: number) {
    const filled: { literal: string; name: string | null }[] = [{ literal: '', name: null }];
    const all = partsOf(template);
    let tagAt = -1;
    for (const [i, { literal, name }] of all.entries()) {
      const last = filled.at(-1)!;
      last.literal += literal;
      const follows = all[i + 1]?.literal[0] ?? '';
      if (name === GROUP) tagAt = last.literal.length;
      else if (name?.startsWith('$'))
        last.literal += encodeCharacters(name === '$table' ? table.table : table.schema, follows);
      else if (name !== null) {
        last.name = name;
        filled.push({ literal: '', name: null });
      }
    }
    const prefix = filled[0]!.literal;
    if (prefix.slice(0, Math.max(tagAt, 0)).includes('{')) {
      throw new TailraceError('sink.not_ready', `a brace in the name of ${sourceTableName(table)} hides {${GROUP}}`, {
        remedy: `put {${GROUP}} at the beginning of \`key\``,
      });
    }
    this.prefixOf = (group) => withTag(prefix, tagAt, group);
    this.filled = filled.map(({ literal, name }) => literal + (name === null ? '' : `{${name}}`)).join('');
    this.#tagAt = tagAt;
    this.#groups = groups;
    this.#end = filled.length === 1 ? '' : filled.at(-1)!.literal;
    this.#parts = filled.slice(0, -1).map(({ literal, name }, i) => ({
      before: literal,
      column: table.columns.findIndex((column) => column.name === name),
      encode: i === filled.length - 2 ? '' : filled[i + 1]!.literal[0]!,
    }));
    this.columns = this.#parts.map(({ column }) => column);
  }

  /** Literal text around the one column whose text stands in the key as it is; null for other templates. */
  get around(): { readonly before: string; readonly column: number; readonly after: string } | null {
    const [part] = this.#parts;
    if (this.#parts.length !== 1 || part!.encode !== '' || this.#tagAt >= 0) return null;
    return { before: part!.before, column: part!.column, after: this.#end };
  }

  /** Throws `sink.rejected` for a key column that is not valid UTF-8. */
  keyOf(row: Row): Key {
    let text = this.#parts.length === 0 ? this.filled : '';
    for (const { before, column, encode } of this.#parts) {
      const value = keyText(row, column);
      text += before + (encode === '' ? value : encodeCharacters(value, encode));
    }
    text += this.#end;
    if (this.#tagAt < 0) return { text, group: 0 };
    const group = crc16(text) % this.#groups;
    return { text: withTag(text, this.#tagAt, group), group };
  }

  /** Texts of the columns, from a key of this group; null for a key that the template does not make. */
  textsOf(key: string, group: number): readonly string[] | null {
    const prefix = this.prefixOf(group);
    if (!key.startsWith(prefix) || !key.endsWith(this.#end)) return null;
    if (this.#parts.length === 0) return key === prefix ? [] : null;
    const texts: string[] = [];
    let at = prefix.length;
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

function withTag(text: string, at: number, group: number): string {
  return at < 0 ? text : `${text.slice(0, at)}{${group}}${text.slice(at)}`;
}
