/**
 * The texts of statements. A QUERY event has a statement in the bytes of the client that sent it, and says in which
 * character set they are. A statement that the server makes of it (CREATE TABLE … SELECT, or LIKE a temporary table) is in
 * UTF-8, whatever the event says.
 */
import { isAscii, isUtf8 } from 'node:buffer';
import type { QueryBytes } from './binlog-event.ts';
import { type Charsets, type Decoding, isConvertible } from './charsets.ts';

export interface Statement {
  /** Default database. */
  readonly schema: string;
  readonly sql: string;
  readonly ansiQuotes: boolean;
  /** False: it is only the beginning of the statement, up to the first character that cannot be read. */
  readonly whole: boolean;
  /** What it says if the server made it; null where it does not matter who did. */
  readonly ifMade: string | null;
}

/** Collations of swe7, whose letters stand where others have quotes and brackets. */
const SWE7: ReadonlySet<number | null> = new Set([10, 82]);
const LETTERS_OF_SWE7 = /[@[\\\]^`{|}~]/;
const FIRST_ABOVE_ASCII = /[\x80-\xff]/;

export class StatementTexts {
  readonly #charsets: Pick<Charsets, 'of' | 'decoding'>;

  constructor(charsets: Pick<Charsets, 'of' | 'decoding'>) {
    this.#charsets = charsets;
  }

  /** Asks the server once for a character set that it meets. */
  read(query: QueryBytes): Statement | Promise<Statement> {
    const { bytes, collation } = query;
    if (SWE7.has(collation)) return beginning(query, LETTERS_OF_SWE7);
    if (isAscii(bytes)) return whole(query, bytes.toString('latin1'));
    if (collation === null) return beginning(query, FIRST_ABOVE_ASCII);
    const charset = this.#charsets.of(collation);
    if (charset.name === 'binary' || charset.name.startsWith('utf8')) return whole(query, bytes.toString('utf8'));
    if (!isConvertible(charset.name, charset.maxBytes)) return beginning(query, FIRST_ABOVE_ASCII);
    const kept = { ...query, bytes: Buffer.from(bytes) };
    return this.#charsets.decoding(charset).then((decoding) => converted(kept, decoding));
  }
}

function converted(query: QueryBytes, decoding: Decoding): Statement {
  const { bytes } = query;
  if (typeof decoding === 'string') return whole(query, bytes.toString('utf8'));
  try {
    const { out, end } = decoding(bytes, 0, bytes.length);
    const ifMade = isUtf8(bytes) ? bytes.toString('utf8') : null;
    return { ...whole(query, out.toString('utf8', 0, end)), ifMade };
  } catch {
    // Literals may have bytes that are no characters.
    return beginning(query, FIRST_ABOVE_ASCII);
  }
}

function whole({ schema, ansiQuotes }: QueryBytes, sql: string): Statement {
  return { schema, sql, ansiQuotes, whole: true, ifMade: null };
}

function beginning({ schema, ansiQuotes, bytes }: QueryBytes, unread: RegExp): Statement {
  const text = bytes.toString('latin1');
  const end = text.search(unread);
  return { schema, ansiQuotes, sql: end < 0 ? text : text.slice(0, end), whole: end < 0, ifMade: null };
}
