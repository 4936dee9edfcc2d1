/** Words of SQL statements, and a reader that goes through them. */

export interface NamedTable {
  readonly schema: string;
  readonly table: string;
}

export interface Token {
  /** `word`: a bare word, keyword or name. `name`: quoted. */
  readonly kind: 'word' | 'name' | 'text' | 'sign';
  readonly text: string;
}

const TOKEN =
  /\/\*M?!\d*|\*\/|\/\*[\s\S]*?(?:\*\/|$)|--(?:[ \t][^\n]*|(?=\n|$))|#[^\n]*|`((?:[^`]|``)*)`|"((?:[^"\\]|""|\\[\s\S])*)"|'(?:[^'\\]|''|\\[\s\S])*'|[\w$@\u0080-\uffff]+|\S/g;

export function tokensOf(sql: string, ansiQuotes: boolean, limit: number): Token[] {
  const tokens: Token[] = [];
  for (const [text, backquoted, doubleQuoted] of sql.matchAll(TOKEN)) {
    if (tokens.length >= limit) break;
    // Comments; what stands in those that a server executes (`/*M!`: MariaDB alone) are tokens like others.
    if (/^(\/\*|\*\/|--(?:[ \t]|$)|#)/.test(text)) continue;
    if (backquoted !== undefined) tokens.push({ kind: 'name', text: backquoted.replaceAll('``', '`') });
    else if (doubleQuoted !== undefined && ansiQuotes)
      tokens.push({ kind: 'name', text: doubleQuoted.replaceAll('""', '"') });
    else if (/^['"]/.test(text)) tokens.push({ kind: 'text', text });
    else tokens.push({ kind: /^[\w$@\u0080-\uffff]/.test(text) ? 'word' : 'sign', text });
  }
  return tokens;
}

/** Cut at commas that stand in no parenthesis. */
export function clausesOf(tokens: readonly Token[]): Token[][] {
  const clauses: Token[][] = [[]];
  let depth = 0;
  for (const token of tokens) {
    if (token.kind === 'sign' && token.text === '(') depth++;
    if (token.kind === 'sign' && token.text === ')') depth--;
    if (token.kind === 'sign' && token.text === ',' && depth === 0) clauses.push([]);
    else clauses.at(-1)!.push(token);
  }
  return clauses;
}

export class TokenReader {
  readonly #tokens: readonly Token[];
  readonly #schema: string;
  #at = 0;

  constructor(tokens: readonly Token[], schema: string) {
    this.#tokens = tokens;
    this.#schema = schema;
  }

  get rest(): readonly Token[] {
    return this.#tokens.slice(this.#at);
  }

  /** The next bare word in upper case, or an empty text. */
  peek(): string {
    const token = this.#tokens[this.#at];
    return token?.kind === 'word' ? token.text.toUpperCase() : '';
  }

  word(): string {
    const word = this.peek();
    this.#at++;
    return word;
  }

  /** Skips the words if they are next. */
  skip(...words: readonly string[]): boolean {
    const next = words.every((word, i) => {
      const token = this.#tokens[this.#at + i];
      return token?.kind === 'word' && token.text.toUpperCase() === word;
    });
    if (next) this.#at += words.length;
    return next;
  }

  skipSign(sign: string): boolean {
    const token = this.#tokens[this.#at];
    if (token?.kind !== 'sign' || token.text !== sign) return false;
    this.#at++;
    return true;
  }

  /** MariaDB: WAIT n, NOWAIT. */
  skipWait(): void {
    if (this.skip('WAIT')) this.#at++;
    else this.skip('NOWAIT');
  }

  /** The next of these words, and what was before it is left out. */
  until(words: ReadonlySet<string>): string {
    while (this.#at < this.#tokens.length) {
      const word = this.word();
      if (words.has(word) || word === 'TABLE') return word;
    }
    return '';
  }

  /** Goes behind the next of this word that stands in no parenthesis. False: there is none. */
  pass(word: string): boolean {
    let depth = 0;
    while (this.#at < this.#tokens.length) {
      const { kind, text } = this.#tokens[this.#at++]!;
      if (kind === 'sign' && text === '(') depth++;
      if (kind === 'sign' && text === ')') depth--;
      if (kind === 'word' && depth === 0 && text.toUpperCase() === word) return true;
    }
    return false;
  }

  name(): string | null {
    const token = this.#tokens[this.#at];
    if (token === undefined || (token.kind !== 'word' && token.kind !== 'name')) return null;
    this.#at++;
    return token.text;
  }

  /** `table`, `schema.table`; with the default database where none is named. */
  table(): NamedTable | null {
    const first = this.name();
    if (first === null) return null;
    if (!this.skipSign('.')) return { schema: this.#schema, table: first };
    const second = this.name();
    return second === null ? null : { schema: first, table: second };
  }

  /** What is left, cut at commas that stand in no parenthesis. */
  clauses(): Token[][] {
    return clausesOf(this.rest);
  }
}
