/**
 * Finds the parts of JSON text without making values of it: numbers keep their digits, rows become places of columns. Reads
 * only between its bounds; throws `rule.failed` for what is not JSON as far as it looks (strings are checked when read).
 */
import { TailraceError } from '../contracts/errors.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const COMMA = 0x2c;
const OPEN_OBJECT = 0x7b;
const OPEN_ARRAY = 0x5b;
/** Of `}`; that of `]` differs only in bit 5. */
const CLOSE = 0x5d;
const CASE_BIT = 0x20;
/** Above this many bytes of a string the native search for its end is quicker. */
const SHORT = 40;

/** 1: ends a number or literal. */
const ENDS = new Uint8Array(256).fill(1, 0, 0x21);
for (const byte of Buffer.from(',]}:"{[')) ENDS[byte] = 1;

export class JsonScanner {
  bytes: Buffer = Buffer.alloc(0);
  at = 0;
  #end = 0;

  reset(bytes: Buffer, at: number, end: number): void {
    this.bytes = bytes;
    this.at = at;
    this.#end = end;
  }

  get isAtEnd(): boolean {
    this.skipSpace();
    return this.at === this.#end;
  }

  skipSpace(): void {
    while (this.at < this.#end && this.bytes[this.at]! <= 0x20) this.at++;
  }

  /** Steps over the byte if it comes next. */
  accept(byte: number): boolean {
    if (this.at >= this.#end) return false;
    if (this.bytes[this.at]! <= 0x20) this.skipSpace();
    if (this.bytes[this.at] !== byte || this.at >= this.#end) return false;
    this.at++;
    return true;
  }

  expect(byte: number): void {
    if (!this.accept(byte)) throw malformed(this.at);
  }

  /** Steps over these bytes if they come next, without looking past a space. */
  matches(text: Uint8Array): boolean {
    const { bytes, at } = this;
    if (at + text.length > this.#end) return false;
    for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text[i]) return false;
    this.at = at + text.length;
    return true;
  }

  /** Steps over a member's name, given with its quotes, and its colon if that name comes next. */
  acceptName(quoted: Uint8Array): boolean {
    if (!this.matches(quoted)) return false;
    if (this.bytes[this.at] === COLON) this.at++;
    else this.expect(COLON);
    return true;
  }

  /** Reads an object's opening brace; false when it has no members. */
  openObject(): boolean {
    this.expect(OPEN_OBJECT);
    return !this.accept(CLOSE | CASE_BIT);
  }

  /** After a member: true when another follows. */
  nextMember(): boolean {
    if (this.accept(COMMA)) return true;
    this.expect(CLOSE | CASE_BIT);
    return false;
  }

  /**
   * Reads an object that has exactly these members in this order, without spaces, and puts start and end of each value into
   * `places`, from `first` on. False when it is another object: nothing is read then, `places` holds anything.
   * @param heads per member `{"name":` or `,"name":`
   */
  knownObject(heads: readonly Uint8Array[], places: Int32Array, first: number): boolean {
    const { bytes, at: start } = this;
    const end = this.#end;
    let at = start;
    for (let member = 0; member < heads.length; member++) {
      const head = heads[member]!;
      if (at + head.length >= end) return this.#back(start);
      for (let i = 0; i < head.length; i++) if (bytes[at + i] !== head[i]) return this.#back(start);
      at += head.length;
      const from = at;
      const byte = bytes[at]!;
      if (byte === QUOTE || byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
        at = byte === QUOTE ? shortStringEnd(bytes, at, end) : -1;
        if (at < 0) at = this.#endOfValue(from);
      } else {
        while (at < end && ENDS[bytes[at]!] === 0) at++;
      }
      if (at === from) return this.#back(start);
      places[first + member * 2] = from;
      places[first + member * 2 + 1] = at;
    }
    if (bytes[at] !== (CLOSE | CASE_BIT) || at >= end || heads.length === 0) return this.#back(start);
    this.at = at + 1;
    return true;
  }

  #back(start: number): false {
    this.at = start;
    return false;
  }

  #endOfValue(start: number): number {
    this.at = start;
    this.skipValue();
    return this.at;
  }

  openArray(): boolean {
    this.expect(OPEN_ARRAY);
    return !this.accept(CLOSE);
  }

  nextElement(): boolean {
    if (this.accept(COMMA)) return true;
    this.expect(CLOSE);
    return false;
  }

  /** Reads a member's name and colon. */
  name(): string {
    this.skipSpace();
    const start = this.at;
    this.#skipString();
    const name = stringOf(this.bytes, start, this.at);
    this.expect(COLON);
    return name;
  }

  /** Steps over a member's name and colon. */
  skipName(): void {
    this.skipSpace();
    this.#skipString();
    this.expect(COLON);
  }

  /** Steps over a value and returns where it starts; it ends at `at`. */
  skipValue(): number {
    if (this.at < this.#end && this.bytes[this.at]! <= 0x20) this.skipSpace();
    const start = this.at;
    const first = start < this.#end ? this.bytes[start] : 0;
    if (first === QUOTE) this.#skipString();
    else if (first === OPEN_OBJECT || first === OPEN_ARRAY) this.#skipNested();
    else this.#skipToken();
    return start;
  }

  #skipToken(): void {
    const { bytes } = this;
    let { at } = this;
    while (at < this.#end && ENDS[bytes[at]!] === 0) at++;
    if (at === this.at) throw malformed(at);
    this.at = at;
  }

  #skipString(): void {
    const { bytes } = this;
    if (this.at >= this.#end || bytes[this.at] !== QUOTE) throw malformed(this.at);
    const end = this.#end;
    let at = this.at + 1;
    for (let nativeFrom = at + SHORT; at < end; at++) {
      const byte = bytes[at]!;
      if (byte === QUOTE) {
        this.at = at + 1;
        return;
      }
      if (byte === BACKSLASH) at++;
      else if (at >= nativeFrom) {
        at = this.#beforeSpecial(at);
        nativeFrom = at + SHORT;
      }
    }
    throw malformed(end);
  }

  /** The byte before the next quote, or an earlier one: from there on is read byte by byte. */
  #beforeSpecial(at: number): number {
    const quote = this.bytes.indexOf(QUOTE, at);
    if (quote < 0 || quote >= this.#end) throw malformed(this.#end);
    const backslash = this.bytes.subarray(at, quote).indexOf(BACKSLASH);
    return (backslash < 0 ? quote : at + backslash) - 1;
  }

  #skipNested(): void {
    let depth = 0;
    while (this.at < this.#end) {
      const byte = this.bytes[this.at]!;
      if (byte === QUOTE) {
        this.#skipString();
        continue;
      }
      this.at++;
      if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) depth++;
      else if ((byte & ~CASE_BIT) === CLOSE && --depth === 0) return;
    }
    throw malformed(this.at);
  }
}

/** Behind the string that starts at `at`; -1 when it is long, holds a backslash or does not end. */
function shortStringEnd(bytes: Buffer, at: number, end: number): number {
  const stop = Math.min(end, at + SHORT);
  for (let i = at + 1; i < stop; i++) {
    const byte = bytes[i]!;
    if (byte === QUOTE) return i + 1;
    if (byte === BACKSLASH) return -1;
  }
  return -1;
}

/** The text of the JSON string at bytes[from, to), quotes included. Throws `rule.failed`. */
export function stringOf(bytes: Buffer, from: number, to: number): string {
  if (to - from < 2 || bytes[from] !== QUOTE || bytes[to - 1] !== QUOTE) throw malformed(from);
  const text = bytes.toString('utf8', from + 1, to - 1);
  if (!text.includes('\\')) return text;
  return parseJson(bytes, from, to) as string;
}

/** Any JSON text at bytes[from, to) as JavaScript values: numbers lose digits, so only for what holds none that matter. */
export function parseJson(bytes: Buffer, from: number, to: number): unknown {
  try {
    return JSON.parse(bytes.toString('utf8', from, to));
  } catch {
    throw malformed(from);
  }
}

/** The cause, which quotes the text, is left out (Invariant 12). */
export function malformed(at: number): TailraceError {
  return new TailraceError(
    'rule.failed',
    `a record is not a change in Tailrace's form: its JSON is wrong at byte ${at} of what it was read from`,
  );
}
