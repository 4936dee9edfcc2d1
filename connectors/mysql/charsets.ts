/**
 * Character sets of the server, as the server itself converts them to UTF-8: their tables are asked of it, so a streamed
 * text equals the one that a snapshot reads (Invariant 9).
 */
import type { SqlSession } from './connections.ts';
import type { ServerFacts } from './server.ts';
import { unsupported } from './source-errors.ts';
import { reserve } from './value-text.ts';

export interface Charset {
  readonly name: string;
  /** Of one character. */
  readonly maxBytes: number;
}

/** Converts buf[from, to) into the shared scratch buffer; returns the buffer and the end of the text in it. */
export type TextDecoder = (buf: Buffer, from: number, to: number) => { readonly out: Buffer; readonly end: number };

/** No conversion: the text is UTF-8. */
export type Decoding = TextDecoder | 'utf8' | 'binary';

const UTF8 = ['utf8', 'utf8mb3', 'utf8mb4'];
const UNICODE: Readonly<Record<string, (buf: Buffer, at: number, to: number) => number>> = {
  ucs2: (buf, at) => buf.readUInt16BE(at),
  utf16: (buf, at, to) => utf16(buf.readUInt16BE(at), at + 4 <= to ? buf.readUInt16BE(at + 2) : 0),
  utf16le: (buf, at, to) => utf16(buf.readUInt16LE(at), at + 4 <= to ? buf.readUInt16LE(at + 2) : 0),
  utf32: (buf, at) => buf.readUInt32BE(at),
};
const HIGH_SURROGATE = 0xd800;
const LOW_SURROGATE = 0xdc00;

export class Charsets {
  readonly #sql: SqlSession;
  readonly #byCollation: ReadonlyMap<number, Charset>;
  readonly #decodings = new Map<string, Decoding>();

  private constructor(sql: SqlSession, byCollation: ReadonlyMap<number, Charset>) {
    this.#sql = sql;
    this.#byCollation = byCollation;
  }

  static async load(sql: SqlSession, facts: ServerFacts): Promise<Charsets> {
    // MariaDB's newer collations belong to several character sets and have a number for each.
    const numbered =
      facts.flavor === 'mariadb' && facts.release >= 1010 ? 'collation_character_set_applicability' : 'collations';
    const rows = await sql.rows<{ id: string; name: string; bytes: string }>(
      `SELECT c.ID AS id, s.CHARACTER_SET_NAME AS name, s.MAXLEN AS bytes FROM information_schema.${numbered} c
       JOIN information_schema.character_sets s ON s.CHARACTER_SET_NAME = c.CHARACTER_SET_NAME WHERE c.ID IS NOT NULL`,
    );
    return new Charsets(
      sql,
      new Map(rows.map(({ id, name, bytes }) => [Number(id), { name: name.toLowerCase(), maxBytes: Number(bytes) }])),
    );
  }

  /** Of a collation's number. */
  of(collation: number): Charset {
    const found = this.#byCollation.get(collation);
    if (found === undefined) throw unsupported(`the server does not know the collation ${collation}`);
    return found;
  }

  named(name: string): Charset {
    for (const charset of this.#byCollation.values()) if (charset.name === name.toLowerCase()) return charset;
    throw unsupported(`the server does not know the character set ${name}`);
  }

  /** Throws `source.unsupported` for one whose texts cannot be converted. */
  async decoding({ name, maxBytes }: Charset): Promise<Decoding> {
    const known = this.#decodings.get(name);
    if (known !== undefined) return known;
    const made = await this.#make(name, maxBytes);
    this.#decodings.set(name, made);
    return made;
  }

  async #make(name: string, maxBytes: number): Promise<Decoding> {
    if (UTF8.includes(name)) return 'utf8';
    if (name === 'binary') return 'binary';
    const unicode = Object.hasOwn(UNICODE, name) ? UNICODE[name] : undefined;
    if (unicode !== undefined) return unicodeDecoder(unicode, name);
    if (!isConvertible(name, maxBytes)) throw unsupported(`texts in the character set ${name} cannot be read`);
    const singles = await this.#sql.rows<{ code: string; utf8: string | null }>(tableSql(name, false));
    const pairs =
      maxBytes === 1 ? [] : await this.#sql.rows<{ code: string; utf8: string | null }>(tableSql(name, true));
    const table = new Map<number, Buffer>();
    for (const { code, utf8 } of [...singles, ...pairs]) {
      if (utf8 !== null && utf8 !== '') table.set(Number(code), Buffer.from(utf8, 'hex'));
    }
    return tableDecoder(table, name);
  }
}

/** Whether texts of a character set can be streamed. */
export function isConvertible(name: string, maxBytes: number): boolean {
  return maxBytes <= 2 || UTF8.includes(name) || Object.hasOwn(UNICODE, name);
}

/** Every byte, or every pair of bytes, in UTF-8; NULL for those that are no character. */
function tableSql(name: string, pairs: boolean): string {
  const digits = Array.from({ length: 16 }, (_, n) => `SELECT ${n} AS n`).join(' UNION ALL ');
  const bytes = (as: string) => `(SELECT a.n * 16 + b.n AS n FROM (${digits}) a CROSS JOIN (${digits}) b) ${as}`;
  const quoted = name.replace(/\W/g, '');
  if (!pairs)
    return `SELECT l.n AS code, HEX(CONVERT(CHAR(l.n USING ${quoted}) USING utf8mb4)) AS utf8 FROM ${bytes('l')}`;
  return `SELECT l.n * 256 + t.n AS code, HEX(CONVERT(CHAR(l.n, t.n USING ${quoted}) USING utf8mb4)) AS utf8
    FROM ${bytes('l')} CROSS JOIN ${bytes('t')} WHERE l.n >= 128 AND t.n >= 48`;
}

function tableDecoder(table: ReadonlyMap<number, Buffer>, name: string): TextDecoder {
  const singles = Array.from({ length: 256 }, (_, byte) => table.get(byte));
  return (buf, from, to) => {
    const out = reserve(4 * (to - from));
    let end = 0;
    for (let at = from; at < to; at++) {
      let utf8 = singles[buf[at]!];
      if (utf8 === undefined && at + 1 < to) utf8 = table.get(buf[at]! * 256 + buf[++at]!);
      if (utf8 === undefined) throw unsupported(`a text is not valid in its character set ${name}`);
      for (const byte of utf8) out[end++] = byte;
    }
    return { out, end };
  };
}

function utf16(first: number, second: number): number {
  if (first < HIGH_SURROGATE || first >= LOW_SURROGATE) return first;
  return 0x10000 + ((first - HIGH_SURROGATE) << 10) + (second - LOW_SURROGATE);
}

function unicodeDecoder(read: (buf: Buffer, at: number, to: number) => number, name: string): TextDecoder {
  const unit = name === 'utf32' ? 4 : 2;
  return (buf, from, to) => {
    if ((to - from) % unit !== 0) throw unsupported(`a text is not valid in its character set ${name}`);
    const out = reserve(2 * (to - from) + 4);
    let end = 0;
    for (let at = from; at < to; ) {
      const point = read(buf, at, to);
      if (point > 0x10ffff) throw unsupported(`a text is not valid in its character set ${name}`);
      end = putUtf8(out, end, point);
      at += unit === 2 && point > 0xffff ? 4 : unit;
    }
    return { out, end };
  };
}

function putUtf8(out: Buffer, at: number, point: number): number {
  if (point < 0x80) {
    out[at] = point;
    return at + 1;
  }
  if (point < 0x800) {
    out[at] = 0xc0 | (point >> 6);
    out[at + 1] = 0x80 | (point & 63);
    return at + 2;
  }
  if (point < 0x10000) {
    out[at] = 0xe0 | (point >> 12);
    out[at + 1] = 0x80 | ((point >> 6) & 63);
    out[at + 2] = 0x80 | (point & 63);
    return at + 3;
  }
  out[at] = 0xf0 | (point >> 18);
  out[at + 1] = 0x80 | ((point >> 12) & 63);
  out[at + 2] = 0x80 | ((point >> 6) & 63);
  out[at + 3] = 0x80 | (point & 63);
  return at + 4;
}
