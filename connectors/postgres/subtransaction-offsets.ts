/**
 * Where the changes of each subtransaction of one streamed transaction begin. While a subtransaction can still be aborted by
 * itself, all changes behind its first one are its own, its children's, or of what is aborted with it: so cutting off at its
 * first change removes exactly what the abort undoes. (The server's own subscribers rely on the same.)
 */
const FIRST_CAPACITY = 16;

/** 20 bytes a subtransaction; in the order of their ids, which is nearly that of their first changes. */
export class SubtransactionOffsets {
  readonly #top: number;
  /** Distances to the id of the transaction: ids wrap. */
  #ids = new Uint32Array(FIRST_CAPACITY);
  #offsets = new Float64Array(FIRST_CAPACITY);
  /** The highest offset up to and with this one. */
  #highest = new Float64Array(FIRST_CAPACITY);
  #count = 0;
  #last = -1;

  /** @param xid of the transaction */
  constructor(xid: number) {
    this.#top = xid;
  }

  /** The subtransaction has a change at the offset. */
  changed(subxid: number, offset: number): void {
    const id = (subxid - this.#top) >>> 0;
    if (id === this.#last) return;
    this.#last = id;
    const place = this.#placeOf(id);
    if (place < this.#count && this.#ids[place] === id) return;
    if (this.#count === this.#ids.length) this.#grow();
    this.#ids.copyWithin(place + 1, place, this.#count);
    this.#offsets.copyWithin(place + 1, place, this.#count);
    this.#ids[place] = id;
    this.#offsets[place] = offset;
    this.#count++;
    this.#setHighest(place);
  }

  /** From where on everything is undone; null when nothing of the subtransaction is there. */
  abort(subxid: number): number | null {
    const id = (subxid - this.#top) >>> 0;
    const place = this.#placeOf(id);
    if (place === this.#count || this.#ids[place] !== id) return null;
    const offset = this.#offsets[place]!;
    this.#last = -1;
    while (this.#count > 0 && this.#offsets[this.#count - 1]! >= offset) this.#count--;
    // A parent may have its first change behind its child's: such have lower ids.
    let first = this.#count;
    while (first > 0 && this.#highest[first - 1]! >= offset) first--;
    if (first < this.#count) this.#removeFrom(first, offset);
    return offset;
  }

  #removeFrom(first: number, offset: number): void {
    let kept = first;
    for (let i = first; i < this.#count; i++) {
      if (this.#offsets[i]! >= offset) continue;
      this.#ids[kept] = this.#ids[i]!;
      this.#offsets[kept++] = this.#offsets[i]!;
    }
    this.#count = kept;
    this.#setHighest(first);
  }

  #setHighest(first: number): void {
    let highest = first === 0 ? -1 : this.#highest[first - 1]!;
    for (let i = first; i < this.#count; i++) {
      highest = Math.max(highest, this.#offsets[i]!);
      this.#highest[i] = highest;
    }
  }

  /** Of the first id that is not lower. */
  #placeOf(id: number): number {
    if (this.#count === 0 || this.#ids[this.#count - 1]! < id) return this.#count;
    let low = 0;
    for (let high = this.#count; low < high; ) {
      const middle = (low + high) >>> 1;
      if (this.#ids[middle]! < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #grow(): void {
    const capacity = 2 * this.#count;
    const grown = <T extends Uint32Array | Float64Array>(to: T, from: T): T => {
      to.set(from);
      return to;
    };
    this.#ids = grown(new Uint32Array(capacity), this.#ids);
    this.#offsets = grown(new Float64Array(capacity), this.#offsets);
    this.#highest = grown(new Float64Array(capacity), this.#highest);
  }
}
