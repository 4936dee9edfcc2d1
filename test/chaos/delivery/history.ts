/** What onlookers have seen of the targets, and what of it may not be. */
import { SUM } from './bank.ts';
import type { Seen } from './targets.ts';

export interface Verdict {
  /** Rows that the source has and a target has not, or not so, at the end. */
  readonly lost: number;
  /** Rows that a target has and the source has not, and changes that stand twice where each is kept. */
  readonly doubled: number;
  /** States of a transactional target in which the sum of all balances was another. */
  readonly torn: number;
  /** Accounts that were seen older than before, and where. */
  readonly wentBack: readonly string[];
  /** Reasons why a run could not go on. */
  readonly stuck: readonly string[];
}

export class History {
  readonly #seen = new Map<string, number>();
  readonly #transactional: ReadonlySet<string>;
  readonly #stuck: string[] = [];
  #lost = 0;
  #doubled = 0;
  #torn = 0;
  readonly #wentBack: string[] = [];
  looks = 0;
  /** The first snapshot has ended: until then no target shows a state that the source had. */
  isWhole = false;

  /** @param transactional names of targets that promise states that the source had */
  constructor(transactional: readonly string[]) {
    this.#transactional = new Set(transactional);
  }

  get verdict(): Verdict {
    const stuck = this.#stuck;
    return { lost: this.#lost, doubled: this.#doubled, torn: this.#torn, wentBack: this.#wentBack, stuck };
  }

  look(target: string, { accounts }: Pick<Seen, 'accounts'>): void {
    this.looks++;
    let sum = 0;
    for (const { id, balance, seq } of accounts) {
      const name = `${target} ${id}`;
      const before = this.#seen.get(name) ?? 0;
      if (seq < before) this.#wentBack.push(`account ${id} in ${target} from ${before} to ${seq}`);
      this.#seen.set(name, seq);
      sum += balance;
    }
    if (this.#transactional.has(target) && this.isWhole && sum !== SUM) this.#torn++;
  }

  stuck(reason: string): void {
    this.#stuck.push(reason);
  }

  /** While nothing changes at the source and everything is delivered. */
  compare(
    source: Pick<Seen, 'accounts' | 'entries'>,
    target: Pick<Seen, 'accounts' | 'entries'>,
    doubled: number,
  ): void {
    const rows = (seen: Pick<Seen, 'accounts' | 'entries'>) => [
      ...seen.accounts.map(({ id, balance, seq }) => `account ${id} ${balance} ${seq}`),
      ...seen.entries.map((entry) => `entry ${entry}`),
    ];
    const wanted = new Set(rows(source));
    const held = new Set(rows(target));
    this.#lost += [...wanted].filter((row) => !held.has(row)).length;
    this.#doubled += doubled + [...held].filter((row) => !wanted.has(row)).length;
  }
}
