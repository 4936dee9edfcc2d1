/**
 * Compares one table with what a sink holds of it. Through the source in key order, each row held against the target's: finds
 * missing and different ones. Then through the target, each key looked up at the source: finds extra ones. Neither needs an
 * order that both sides share. What looks different is only a suspect: `Confirmation` decides.
 */
import type { Change } from '../../contracts/row.ts';
import type { TableDescription, TableSchema } from '../../contracts/schema.ts';
import {
  type Confirmation,
  type ConfirmationOptions,
  type Confirmed,
  compareByTable,
  type Suspect,
} from './confirmation.ts';
import type { ExpectedRow } from './expected-rows.ts';
import type { Pace } from './pace.ts';
import { identityOf } from './row-identity.ts';

/** Suspects that are decided together; fewer wait until the pass is over. */
const MAX_SUSPECTS = 500;
/** Keys of the target looked up at once. */
const LOOKUP_KEYS = 500;

export type Pass = 'source' | 'target';

/** Where a table's verification is: in which pass, and for the first one behind which row. */
export interface TablePlace {
  readonly pass: Pass;
  readonly after: string | null;
}

export interface TableVerificationOptions extends ConfirmationOptions {
  readonly description: TableDescription;
  readonly confirmation: Confirmation;
  readonly pace: Pace;
  /** Differences of this table that are real. */
  readonly found: (confirmed: Confirmed) => Promise<void>;
  /** Everything before is decided. */
  readonly reached: (place: TablePlace) => Promise<void>;
  readonly note: (text: string) => void;
}

export class TableVerification {
  readonly #options: TableVerificationOptions;
  #suspects: Suspect[] = [];
  /** As the target has it; of the last rows. */
  #target: TableSchema | null = null;
  #refused = 0;

  constructor(options: TableVerificationOptions) {
    this.#options = options;
  }

  async run(from: TablePlace, signal: AbortSignal): Promise<void> {
    const { expected, table, note, description } = this.#options;
    if (expected.routes(description)) {
      note(`${table}: was not compared, because its rows go to several tables`);
      return;
    }
    if (expected.splits(description)) {
      note(`${table}: was not compared, because split makes several rows of one`);
      return;
    }
    if (from.pass === 'source') await this.#throughSource(from.after, signal);
    if (this.#refused > 0) note(`${table}: a rule fails for ${this.#refused} rows, which were not compared`);
    if (expected.changesKeys) {
      note(`${table}: extra rows were not looked for, because rules make other keys`);
      return;
    }
    await this.#options.reached({ pass: 'target', after: null });
    await this.#throughTarget(signal);
  }

  async #throughSource(from: string | null, signal: AbortSignal): Promise<void> {
    const { rows, table, pace, reached } = this.#options;
    for (let after = from; ; ) {
      const { changes, next } = await rows.page(table, after, pace.most);
      await this.#compare(changes);
      await pace.read(changes.length, signal);
      if (this.#suspects.length >= MAX_SUSPECTS || next === null) await this.#confirm(signal);
      if (next === null) return;
      after = next;
      if (this.#suspects.length === 0) await reached({ pass: 'source', after });
    }
  }

  async #compare(changes: readonly Change[]): Promise<void> {
    const { expected, sink } = this.#options;
    const wanted = changes.map((change) => expected.of(change));
    this.#refused += wanted.filter((one) => one === undefined).length;
    if (changes.length > 0) this.#target = expected.target(changes[0]!.table);
    const there = wanted.filter((one): one is ExpectedRow & { row: Change } => one?.row != null);
    const held = await compareByTable(sink, there);
    for (const [i, one] of there.entries()) if (held[i]!.state !== 'equal') this.#suspects.push(one);
  }

  async #throughTarget(signal: AbortSignal): Promise<void> {
    const { sink, pace } = this.#options;
    const target = this.#targetTable();
    for await (const keys of sink.keys(target)) {
      for (let at = 0; at < keys.length; at += LOOKUP_KEYS) {
        const some = keys.slice(at, at + LOOKUP_KEYS);
        await this.#lookUp(some);
        await pace.read(some.length, signal);
        if (this.#suspects.length >= MAX_SUSPECTS) await this.#confirm(signal);
      }
    }
    await this.#confirm(signal);
  }

  /** The rules leave the key's values as they are: what the target has is what the source is asked for. */
  async #lookUp(keys: readonly string[]): Promise<void> {
    const { rows, table, expected } = this.#options;
    const { changes } = await rows.rows(table, keys);
    // Where a rule fails it is not known whether the row should be there.
    const wanted = changes.map((change) => [identityOf(change.key), expected.of(change)] as const);
    const known = new Set(wanted.flatMap(([identity, one]) => (one?.row === null ? [] : [identity])));
    for (const key of keys) {
      if (!known.has(identityOf(key))) this.#suspects.push({ sourceKey: key, logKey: key, sinkKey: key });
    }
  }

  async #confirm(signal: AbortSignal): Promise<void> {
    const suspects = this.#suspects;
    this.#suspects = [];
    if (suspects.length === 0) return;
    const { confirmation, found } = this.#options;
    await found(await confirmation.of(suspects, this.#targetTable(), signal));
  }

  /** Of a table without rows it is made of the description. */
  #targetTable(): TableSchema {
    const { description, expected } = this.#options;
    return (this.#target ??= expected.targetOf(description));
  }
}
