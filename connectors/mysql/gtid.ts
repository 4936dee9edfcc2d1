/**
 * Sets of global transaction ids: of MySQL `uuid[:tag]:1-5:7,…`, of MariaDB one `domain-server-sequence` for each domain.
 * A set says which transactions were seen.
 */
import { unsupported } from './source-errors.ts';

export interface GtidSet {
  /** True when the transaction is in the set. */
  has(gtid: Gtid): boolean;
  add(gtid: Gtid): void;
  /** True when every transaction of the other is in this one. */
  covers(other: GtidSet): boolean;
  toString(): string;
}

/** One transaction. `origin`: MySQL `uuid` or `uuid:tag`; MariaDB `domain-server`. */
export interface Gtid {
  readonly origin: string;
  readonly number: bigint;
}

export const gtidText = ({ origin, number }: Gtid, mariadb: boolean): string =>
  `${origin}${mariadb ? '-' : ':'}${number}`;

export function parseGtidSet(text: string, mariadb: boolean): GtidSet {
  return mariadb ? MariadbGtidSet.parse(text) : MysqlGtidSet.parse(text);
}

/** First and last number of a run. */
type Interval = [first: bigint, last: bigint];

export class MysqlGtidSet implements GtidSet {
  readonly #origins = new Map<string, Interval[]>();
  /** Text of each origin, until it changes. */
  readonly #texts = new Map<string, string>();

  static parse(text: string): MysqlGtidSet {
    const set = new MysqlGtidSet();
    for (const part of text.split(',')) {
      const [uuid = '', ...rest] = part.trim().split(':');
      if (uuid === '') continue;
      let origin = uuid.toLowerCase();
      for (const piece of rest.map((one) => one.trim())) {
        const numbers = /^(\d+)(?:-(\d+))?$/.exec(piece);
        if (numbers === null) origin = `${uuid.toLowerCase()}:${piece.toLowerCase()}`;
        else set.#addInterval(origin, BigInt(numbers[1]!), BigInt(numbers[2] ?? numbers[1]!));
      }
    }
    return set;
  }

  has({ origin, number }: Gtid): boolean {
    return this.#origins.get(origin)?.some(([first, last]) => first <= number && number <= last) ?? false;
  }

  add({ origin, number }: Gtid): void {
    this.#addInterval(origin, number, number);
  }

  covers(other: MysqlGtidSet): boolean {
    for (const [origin, intervals] of other.#origins) {
      const mine = this.#origins.get(origin);
      if (mine === undefined) return false;
      // Runs of a set never touch, so one of ours must hold each of theirs whole.
      for (const [first, last] of intervals) {
        if (!mine.some(([from, to]) => from <= first && last <= to)) return false;
      }
    }
    return true;
  }

  /** Origins with their runs, in order of their text. */
  entries(): [origin: string, intervals: readonly Interval[]][] {
    return [...this.#origins].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  toString(): string {
    if (this.#origins.size === 1) for (const [origin, intervals] of this.#origins) return this.#text(origin, intervals);
    return this.entries()
      .map(([origin, intervals]) => this.#text(origin, intervals))
      .join(',');
  }

  #text(origin: string, intervals: readonly Interval[]): string {
    let text = this.#texts.get(origin);
    if (text === undefined) {
      const runs = intervals.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`));
      text = `${origin}:${runs.join(':')}`;
      this.#texts.set(origin, text);
    }
    return text;
  }

  #addInterval(origin: string, first: bigint, last: bigint): void {
    if (first < 1n || last < first) throw unsupported('a set of transaction ids is malformed');
    this.#texts.delete(origin);
    const intervals = this.#origins.get(origin);
    if (intervals === undefined) {
      this.#origins.set(origin, [[first, last]]);
      return;
    }
    const end = intervals.at(-1)!;
    if (first === end[1] + 1n) {
      end[1] = last;
      return;
    }
    this.#origins.set(origin, merged([...intervals, [first, last]]));
  }
}

/** Sorted, without touching neighbours. */
function merged(intervals: readonly Interval[]): Interval[] {
  const result: Interval[] = [];
  for (const [first, last] of [...intervals].sort((a, b) => (a[0] < b[0] ? -1 : 1))) {
    const before = result.at(-1);
    if (before === undefined || first > before[1] + 1n) result.push([first, last]);
    else if (last > before[1]) before[1] = last;
  }
  return result;
}

export class MariadbGtidSet implements GtidSet {
  readonly #domains = new Map<string, { readonly server: string; readonly number: bigint }>();

  static parse(text: string): MariadbGtidSet {
    const set = new MariadbGtidSet();
    for (const part of text.split(',')) {
      const found = /^\s*(\d+)-(\d+)-(\d+)\s*$/.exec(part);
      if (found !== null) set.#domains.set(found[1]!, { server: found[2]!, number: BigInt(found[3]!) });
      else if (part.trim() !== '') throw unsupported('a list of MariaDB transaction ids is malformed');
    }
    return set;
  }

  /** The last transaction of a domain stands for all before it. */
  has({ origin, number }: Gtid): boolean {
    const seen = this.#domains.get(domainOf(origin));
    return seen !== undefined && number <= seen.number;
  }

  add({ origin, number }: Gtid): void {
    this.#domains.set(domainOf(origin), { server: origin.slice(origin.indexOf('-') + 1), number });
  }

  covers(other: MariadbGtidSet): boolean {
    return [...other.#domains].every(([domain, { number }]) => this.has({ origin: `${domain}-`, number }));
  }

  toString(): string {
    return [...this.#domains].map(([domain, { server, number }]) => `${domain}-${server}-${number}`).join(',');
  }
}

/** Of MariaDB's lists, for each domain the earliest of its transactions; a domain that one has not got is left out. */
export function earliest(gtid: string, others: readonly string[]): string {
  const result = new Map<string, string>();
  const entries = (list: string) => list.split(',').filter((one) => one !== '');
  for (const one of entries(gtid)) result.set(domainOf(one), one);
  for (const other of others) {
    const theirs = new Map(entries(other).map((one) => [domainOf(one), one]));
    for (const [domain, one] of result) {
      const their = theirs.get(domain);
      if (their === undefined) result.delete(domain);
      else if (numberOf(their) < numberOf(one)) result.set(domain, their);
    }
  }
  return [...result.values()].join(',');
}

const numberOf = (gtid: string): bigint => BigInt(gtid.slice(gtid.lastIndexOf('-') + 1));

const domainOf = (origin: string): string => origin.slice(0, origin.indexOf('-'));
