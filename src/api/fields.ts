/** Fields of a request: of its path, query or body. Throws `api.invalid_request` for what does not fit. */
import { TailraceError } from '../contracts/errors.ts';
import { quoted } from '../lib/printable.ts';

const OFFSET = /^\d{1,19}$/;
const MAX_LIST = 100_000;

export class Fields {
  readonly #values: Readonly<Record<string, unknown>>;
  /** Before the name of a field in messages. */
  readonly #prefix: string;

  constructor(values: unknown, prefix = '') {
    if (typeof values !== 'object' || values === null || Array.isArray(values)) {
      throw invalid(`${prefix === '' ? 'the body' : quoted(prefix)} must be an object`);
    }
    this.#values = values as Readonly<Record<string, unknown>>;
    this.#prefix = prefix;
  }

  /** Throws for a field that nobody knows: a misspelt one would be ignored. */
  only(...names: readonly string[]): this {
    const unknown = Object.keys(this.#values).find((name) => !names.includes(name));
    if (unknown === undefined) return this;
    throw invalid(`${this.#name(unknown)} is not a field of the request; there are: ${names.join(', ') || 'none'}`);
  }

  has(name: string): boolean {
    return this.#value(name) !== undefined;
  }

  text(name: string): string {
    const value = this.#value(name);
    if (typeof value !== 'string') throw invalid(`${this.#name(name)} must be a text`);
    return value;
  }

  /** A whole number from `min` on; texts of digits are numbers too. */
  number(name: string, min = 0): number {
    const value = this.#value(name);
    const number = typeof value === 'string' && /^-?\d{1,16}$/.test(value) ? Number(value) : value;
    if (typeof number === 'number' && Number.isSafeInteger(number) && number >= min) return number;
    throw invalid(`${this.#name(name)} must be a whole number from ${min} on`);
  }

  /** Decimal text. */
  offset(name: string): string {
    const value = this.text(name);
    if (OFFSET.test(value)) return value;
    throw invalid(`${this.#name(name)} must be an offset`);
  }

  fields(name: string): Fields {
    return new Fields(this.#value(name) ?? {}, this.#path(name));
  }

  list(name: string): readonly unknown[] {
    const value = this.#value(name);
    if (Array.isArray(value) && value.length <= MAX_LIST) return value;
    throw invalid(`${this.#name(name)} must be a list of at most ${MAX_LIST} entries`);
  }

  /** Objects of a list. */
  each(name: string): readonly Fields[] {
    return this.list(name).map((value, index) => new Fields(value, `${this.#path(name)}[${index}]`));
  }

  /** Names and texts. */
  entries(): readonly (readonly [name: string, value: string])[] {
    return Object.keys(this.#values).map((name) => [name, this.text(name)] as const);
  }

  value(name: string): unknown {
    return this.#value(name);
  }

  #value(name: string): unknown {
    return Object.hasOwn(this.#values, name) ? this.#values[name] : undefined;
  }

  #path(name: string): string {
    return this.#prefix === '' ? name : `${this.#prefix}.${name}`;
  }

  #name(name: string): string {
    return quoted(this.#path(name));
  }
}

export function invalid(message: string): TailraceError {
  return new TailraceError('api.invalid_request', message, {
    remedy: 'docs/reference/commands.md describes the routes',
  });
}
