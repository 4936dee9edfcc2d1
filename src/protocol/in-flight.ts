/** What one connection has asked and not been answered: one client does not get all of the memory for requests. */

const MAX_REQUESTS = 256;
/** Without a share of the memory budget. */
const MAX_SMALL_BYTES = 2 << 20;
/** With one: enough to receive the next requests while the disk has the last. */
const MAX_LARGE_BYTES = 16 << 20;

export class InFlight {
  requests = 0;
  #smallBytes = 0;
  #largeBytes = 0;

  /** Whether nothing more may be read before an answer is sent. */
  get full(): boolean {
    // Invariant 10
    return this.requests >= MAX_REQUESTS || this.#smallBytes >= MAX_SMALL_BYTES || this.#largeBytes >= MAX_LARGE_BYTES;
  }

  /** @param reserved whether its bytes have a share of the memory budget */
  add(bytes: number, reserved: boolean): void {
    this.requests++;
    if (reserved) this.#largeBytes += bytes;
    else this.#smallBytes += bytes;
  }

  remove(bytes: number, reserved: boolean): void {
    this.requests--;
    if (reserved) this.#largeBytes -= bytes;
    else this.#smallBytes -= bytes;
  }
}
