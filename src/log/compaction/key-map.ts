/**
 * The last offset of each key, in bounded memory. Of a key only its 128-bit hash is kept (MurmurHash3 x86_128 with random
 * seeds, https://github.com/aappleby/smhasher): among 10^7 keys two fall together with a chance below 10^-24.
 */

const ENTRY_BYTES = 24;
const MAX_LOAD = 0.75;
const MIN_SLOTS = 64;

export class KeyMap {
  readonly #hashes: Uint32Array;
  /** Offset + 1, relative to `base`; 0 for an empty slot. */
  readonly #offsets: Float64Array;
  readonly #slots: number;
  readonly #limit: number;
  readonly #seed: Uint32Array;
  readonly #base: bigint;
  /** Of the key last hashed. */
  readonly #hash = new Uint32Array(4);
  #size = 0;

  /**
   * @param maxBytes of memory  @param expected keys: no more memory than these need
   * @param base offset below all that are put in  @param random uniform in [0, 1)
   */
  constructor(options: { maxBytes: number; expected: number; base: bigint; random: () => number }) {
    const { maxBytes, expected, base, random } = options;
    let slots = MIN_SLOTS;
    while (slots * MAX_LOAD < expected && slots * 2 * ENTRY_BYTES <= maxBytes) slots *= 2;
    this.#slots = slots;
    this.#limit = Math.floor(slots * MAX_LOAD);
    this.#hashes = new Uint32Array(slots * 4);
    this.#offsets = new Float64Array(slots);
    this.#seed = Uint32Array.from({ length: 4 }, () => random() * 2 ** 32);
    this.#base = base;
  }

  /** Keys that still have room. */
  get room(): number {
    return this.#limit - this.#size;
  }

  /** Keys that an empty map has room for. */
  get limit(): number {
    return this.#limit;
  }

  /** Only while there is room. Offsets of a key come in rising order. */
  put(bytes: Uint8Array, at: number, length: number, offset: bigint): void {
    const slot = this.#find(bytes, at, length);
    if (this.#offsets[slot] === 0) {
      this.#size++;
      this.#hashes.set(this.#hash, slot * 4);
    }
    this.#offsets[slot] = Number(offset - this.#base) + 1;
  }

  /** The last offset of the key; undefined when it is not there. */
  get(bytes: Uint8Array, at: number, length: number): bigint | undefined {
    const found = this.#offsets[this.#find(bytes, at, length)]!;
    return found === 0 ? undefined : this.#base + BigInt(found - 1);
  }

  #find(bytes: Uint8Array, at: number, length: number): number {
    hash128(bytes, at, length, this.#seed, this.#hash);
    const hash = this.#hash;
    const hashes = this.#hashes;
    const h1 = hash[0]!;
    const h2 = hash[1]!;
    const h3 = hash[2]!;
    const h4 = hash[3]!;
    for (let slot = h1 & (this.#slots - 1); ; slot = (slot + 1) & (this.#slots - 1)) {
      if (this.#offsets[slot] === 0) return slot;
      const i = slot * 4;
      if (hashes[i] === h1 && hashes[i + 1] === h2 && hashes[i + 2] === h3 && hashes[i + 3] === h4) return slot;
    }
  }
}

const C1 = 0x239b961b;
const C2 = 0xab0e9789;
const C3 = 0x38b34ae5;
const C4 = 0xa1e38b93;

/** MurmurHash3 x86_128 with a seed for each quarter of the state. */
export function hash128(bytes: Uint8Array, at: number, length: number, seed: Uint32Array, out: Uint32Array): void {
  let h1 = seed[0]! | 0;
  let h2 = seed[1]! | 0;
  let h3 = seed[2]! | 0;
  let h4 = seed[3]! | 0;
  const end = at + length;
  let i = at;
  for (; i + 16 <= end; i += 16) {
    h1 ^= Math.imul(rotl(Math.imul(word(bytes, i), C1), 15), C2);
    h1 = (Math.imul((rotl(h1, 19) + h2) | 0, 5) + 0x561ccd1b) | 0;
    h2 ^= Math.imul(rotl(Math.imul(word(bytes, i + 4), C2), 16), C3);
    h2 = (Math.imul((rotl(h2, 17) + h3) | 0, 5) + 0x0bcaa747) | 0;
    h3 ^= Math.imul(rotl(Math.imul(word(bytes, i + 8), C3), 17), C4);
    h3 = (Math.imul((rotl(h3, 15) + h4) | 0, 5) + 0x96cd1c35) | 0;
    h4 ^= Math.imul(rotl(Math.imul(word(bytes, i + 12), C4), 18), C1);
    h4 = (Math.imul((rotl(h4, 13) + h1) | 0, 5) + 0x32ac3b17) | 0;
  }
  h4 ^= Math.imul(rotl(Math.imul(partial(bytes, i + 12, end), C4), 18), C1);
  h3 ^= Math.imul(rotl(Math.imul(partial(bytes, i + 8, end), C3), 17), C4);
  h2 ^= Math.imul(rotl(Math.imul(partial(bytes, i + 4, end), C2), 16), C3);
  h1 ^= Math.imul(rotl(Math.imul(partial(bytes, i, end), C1), 15), C2);
  h1 ^= length;
  h2 ^= length;
  h3 ^= length;
  h4 ^= length;
  h1 = (h1 + h2 + h3 + h4) | 0;
  h2 = mix((h2 + h1) | 0);
  h3 = mix((h3 + h1) | 0);
  h4 = mix((h4 + h1) | 0);
  h1 = mix(h1);
  h1 = (h1 + h2 + h3 + h4) | 0;
  out[0] = h1;
  out[1] = h2 + h1;
  out[2] = h3 + h1;
  out[3] = h4 + h1;
}

function rotl(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

/** The up to four bytes from `at` that lie before `end`. */
function partial(bytes: Uint8Array, at: number, end: number): number {
  let value = 0;
  for (let i = Math.min(end, at + 4) - 1; i >= at; i--) value = (value << 8) | bytes[i]!;
  return value;
}

function mix(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
