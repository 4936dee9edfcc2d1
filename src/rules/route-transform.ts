/**
 * `route` at work: changes of one table as changes of several. Where a row was is what the old row says; where that is not known,
 * it is deleted wherever it may have been, so that it never stands in two places.
 */
import { classOf } from '../contracts/errors.ts';
import { type Change, NOT_SENT, type Row, type Value } from '../contracts/row.ts';
import type { RowTransform, StepSource } from '../contracts/rules.ts';
import type { Column, TableSchema } from '../contracts/schema.ts';
import { schemaId } from '../lib/schema-id.ts';
import { hasColumn } from './column-copy.ts';
import { fail } from './fail.ts';
import { KeyOnlyRow } from './output-row.ts';
import { SEND_WHOLE_ROWS } from './row-image.ts';
import { routeOf } from './steps/route.ts';

type Compile = (steps: readonly StepSource[], table: TableSchema) => RowTransform;

/** A place that rows go to, with the steps below. */
interface Place {
  readonly table: TableSchema;
  readonly rest: RowTransform;
  /** Lets through what goes there, if no place before it does. Null: everything. */
  readonly filter: RowTransform | null;
}

/** The steps around the one at `cut`, which routes, and it. They have no problems. */
export function routeSteps(
  steps: readonly StepSource[],
  cut: number,
  table: TableSchema,
  compile: Compile,
): RowTransform {
  const first = compile(steps.slice(0, cut), table);
  const below = steps.slice(cut + 1);
  const own = first.output;
  const { cases } = routeOf(steps[cut]!);
  const places = cases.map(({ table: name, condition, path }): Place => {
    const to = renamed(own, name);
    const filter = compile([{ verb: 'filter', config: condition, path }], own);
    return { table: to, rest: compile(below, to), filter };
  });
  const names = new Set(places.map((place) => place.table.table));
  const stays: Place = { table: own, rest: compile(below, own), filter: null };
  // A row may be told to stay in its own table by a case, too.
  const all = names.has(own.table) ? places : [...places, stays];
  const unmatched = places.find((place) => place.table.table === own.table) ?? stays;
  return new RouteTransform(first, all, unmatched);
}

function renamed(table: TableSchema, name: string): TableSchema {
  if (name === table.table) return table;
  const description = { source: table.source, schema: table.schema, table: name, columns: table.columns };
  return { id: schemaId(description), ...description };
}

class RouteTransform implements RowTransform {
  readonly output: TableSchema;
  readonly routes = true;
  readonly #first: RowTransform;
  readonly #places: readonly Place[];
  readonly #unmatched: Place;

  constructor(first: RowTransform, places: readonly Place[], unmatched: Place) {
    this.#first = first;
    this.#places = places;
    this.#unmatched = unmatched;
    this.output = unmatched.rest.output;
  }

  /** Throws `rule.failed` when it is not known where a row goes. */
  apply(change: Change): readonly Change[] {
    return this.#first.apply(change).flatMap((one) => this.#routed(one));
  }

  #routed(change: Change): readonly Change[] {
    const { op, before, after } = change;
    if (op === 'delete') return this.#deletes(change, this.#placeOfOld(change, before));
    // Markers speak of the whole table, wherever its rows are.
    if (after === null) return this.#places.flatMap((place) => at(place, change));
    const now = this.#placeOf(change, before === null ? after : new FilledRow(after, before));
    if (op === 'insert') return at(now, change);
    const old = op === 'snapshot' ? null : this.#placeOfOld(change, before ?? keyOf(after));
    if (old === now) return at(now, change);
    // Invariant 9: of a row that is new to its place nothing stands there for what was not sent.
    if (
      change.isKnown !== true &&
      after.columns.some((_, i) => !hasColumn(after, i) && !(before !== null && hasColumn(before, i)))
    )
      fail('the row may be new to where it goes, but not all of its columns were sent by the source', SEND_WHOLE_ROWS);
    const left = this.#places.filter((place) => place !== now && (old === null || place === old));
    return [...left.flatMap((place) => at(place, deletion(change))), ...at(now, arrival(change, old === null))];
  }

  /** @param old null: not known */
  #deletes(change: Change, old: Place | null): readonly Change[] {
    return this.#places.flatMap((place) => (old === null || place === old ? at(place, change) : []));
  }

  /** Throws `rule.failed`. */
  #placeOf(change: Change, row: Row): Place {
    const asked: Change = { ...change, op: 'insert', before: null, after: row };
    const found = this.#places.find(({ filter }) => filter === null || filter.apply(asked)[0]?.op !== 'delete');
    return found ?? this.#unmatched;
  }

  /** Null: the old row does not say. */
  #placeOfOld(change: Change, row: Row | null): Place | null {
    if (row === null) return null;
    try {
      return this.#placeOf(change, row);
    } catch (error) {
      if (classOf(error) !== 'poison') throw error;
      return null;
    }
  }
}

function at({ table, rest }: Place, change: Change): readonly Change[] {
  return rest.apply(change.table === table ? change : { ...change, table });
}

/** Of the row where it was. */
function deletion({ table, version, timeUs, key, position, transaction, before, after, op }: Change): Change {
  const identity = before !== null && hasKey(before) ? before : keyOf(after!);
  const deleted: Change = {
    op: 'delete',
    table,
    version,
    timeUs,
    key,
    before: identity,
    after: null,
    position,
    transaction,
  };
  // That it was there is not known, and of a row that was read from the table most likely it was not.
  return op === 'snapshot' ? { ...deleted, dropped: true } : deleted;
}

/** @param mayBeThere an update that may go on where it was stays one */
function arrival(change: Change, mayBeThere: boolean): Change {
  const { op, before, after } = change;
  if (op === 'snapshot') return change;
  const row = before === null ? after! : new FilledRow(after!, before);
  return mayBeThere ? change : { ...change, op: 'insert', before: null, after: row };
}

function hasKey(row: Row): boolean {
  return row.columns.every(({ keyOrdinal }, i) => keyOrdinal === undefined || hasColumn(row, i));
}

/** What of an update is known of the old row too, for the key has not changed. */
function keyOf(row: Row): Row {
  return new KeyOnlyRow(row);
}

/** The new row, with what was not sent because it did not change. */
class FilledRow implements Row {
  readonly columns: readonly Column[];
  readonly #row: Row;
  readonly #older: Row;

  constructor(row: Row, older: Row) {
    this.columns = row.columns;
    this.#row = row;
    this.#older = older;
  }

  get(index: number): Value | typeof NOT_SENT {
    const value = this.#row.get(index);
    return value === NOT_SENT ? this.#older.get(index) : value;
  }

  bytes(index: number): Uint8Array | undefined {
    return this.#row.bytes(index) ?? this.#older.bytes(index);
  }

  toObject(): Record<string, Value> {
    const values = this.columns.map(({ name }, i) => [name, this.get(i)] as const);
    return Object.fromEntries(values.filter((pair): pair is [string, Value] => pair[1] !== NOT_SENT));
  }
}
