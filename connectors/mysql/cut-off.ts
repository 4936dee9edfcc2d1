/**
 * Transactions at whose middle the server crashed while it wrote them into its log. They were never committed, and MariaDB leaves
 * their beginning in the file (MySQL cuts it away). What such a transaction is shows only at its end, when its rows were handed
 * out: the reading begins again and leaves it out.
 */
import type { SourceConfig } from './config.ts';

export class CutOffs {
  /** By where they begin. */
  readonly #known = new Set<string>();

  has(begin: string): boolean {
    return this.#known.has(begin);
  }

  add(begin: string): void {
    this.#known.add(begin);
  }
}

const bySource = new WeakMap<SourceConfig, CutOffs>();

/** One for all readers of a source, each of which lasts for one connection. */
export function cutOffsOf(config: SourceConfig): CutOffs {
  let found = bySource.get(config);
  if (found === undefined) {
    found = new CutOffs();
    bySource.set(config, found);
  }
  return found;
}
