/** Random values for any message codec: the codec reads from a source that makes up what it is asked for. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { AnyApi } from '../../src/wire/messages/api.ts';
import type { Codec } from '../../src/wire/messages/schema.ts';
import { ProtocolReader, ProtocolWriter } from '../../src/wire/primitives.ts';

const FOLDER = fileURLToPath(new URL('../../src/wire/messages/', import.meta.url));
const NOT_MESSAGES = /^(api|schema|error-codes)\.ts$|\.test\.ts$/;

/** Every message file's API. */
export async function allApis(): Promise<readonly AnyApi[]> {
  const files = readdirSync(FOLDER).filter((file) => !NOT_MESSAGES.test(file));
  const modules = await Promise.all(files.map((file) => import(`${FOLDER}${file}`)));
  return modules.flatMap((module) => Object.values(module) as AnyApi[]).sort((a, b) => a.key - b.key);
}

/** Linear congruential generator: the same values for the same seed. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Uniform in [0, 1). */
  next(): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#state / 2 ** 32;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }
}

class RandomReader extends ProtocolReader {
  readonly #random: Random;
  /** Whether what may be null in some message can be null here. */
  readonly #nulls: boolean;

  constructor(random: Random, nulls: boolean) {
    super(Buffer.alloc(0));
    this.#random = random;
    this.#nulls = nulls;
  }

  override int8(): number {
    return this.#random.below(2 ** 8) - 2 ** 7;
  }

  override int16(): number {
    return this.#random.below(2 ** 16) - 2 ** 15;
  }

  override int32(): number {
    return this.#random.below(2 ** 32) - 2 ** 31;
  }

  override int64(): bigint {
    return (BigInt(this.int32()) << 32n) | BigInt(this.int32() >>> 0);
  }

  override boolean(): boolean {
    return this.#random.next() < 0.5;
  }

  override arrayLength(): number {
    return this.#isNull() ? -1 : this.#random.below(3);
  }

  override string(): string | null {
    return this.#isNull() ? null : `${'é'.repeat(this.#random.below(3))}${'x'.repeat(this.#random.below(150))}`;
  }

  override byteView(): Buffer | null {
    if (this.#isNull()) return null;
    return Buffer.from(Array.from({ length: this.#random.below(40) }, () => this.#random.below(256)));
  }

  override uuid(): string {
    return Array.from({ length: 32 }, () => this.#random.below(16).toString(16)).join('');
  }

  #isNull(): boolean {
    return this.#nulls && this.#random.next() < 0.2;
  }
}

/** A value of the codec in that version; without tagged fields. */
export function randomValue<Out>(codec: Codec<Out, never>, version: number, random: Random): Out {
  try {
    return codec.read(new RandomReader(random, random.next() < 0.5), version);
  } catch {
    // It made up a null where none is allowed.
    return codec.read(new RandomReader(random, false), version);
  }
}

/** What is read, as it is written: record bytes are given in pieces. */
export function toWritten(value: unknown, name = ''): never {
  if (Buffer.isBuffer(value)) return (name === 'records' ? [value.subarray(0, 7), value.subarray(7)] : value) as never;
  if (Array.isArray(value)) return value.map((item) => toWritten(item)) as never;
  if (typeof value !== 'object' || value === null) return value as never;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toWritten(item, key)])) as never;
}

export function encode(codec: Codec<unknown, never>, version: number, flexible: boolean, value: unknown): Buffer {
  const writer = new ProtocolWriter();
  writer.flexible = flexible;
  codec.write(writer, version, toWritten(value));
  return Buffer.concat(writer.finish());
}
