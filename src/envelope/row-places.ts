/** Places of the columns of many rows in one piece of memory, which lives as long as one of those rows does. */

/** Rows that are kept for long keep no more than this of others. */
const SLAB_PLACES = 8_192;

export class RowPlaces {
  /** Where `take` has made room. */
  slab = new Int32Array(SLAB_PLACES);
  #at = 0;

  /** Room for start and end of so many columns, holding anything. Returns where in `slab` it begins. */
  take(columns: number): number {
    const first = this.#at;
    const end = first + columns * 2;
    if (end <= this.slab.length) {
      this.#at = end;
      return first;
    }
    this.slab = new Int32Array(Math.max(SLAB_PLACES, columns * 2));
    this.#at = columns * 2;
    return 0;
  }
}
