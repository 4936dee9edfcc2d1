/**
 * Random programs of DDL and changes, one a table, several at once: what was streamed, read while they run, with stops, is what a
 * fresh snapshot reads. `npm run chaos -- postgres` runs 10,000.
 */
import type pg from 'pg';
import { expect, test } from 'vitest';
import { Random } from '../../demo/shop/random.ts';
import { foldChanges } from '../../test/support/fold-changes.ts';
import { Follower } from '../../test/support/postgres-follower.ts';
import { postgresScenes, read, type Scene, sourceOptions } from '../../test/support/postgres-source.ts';
import type { Recorded } from '../../test/support/recording-output.ts';
import { testSeed } from '../../test/support/seed.ts';
import { readPosition } from './position.ts';

const full = process.env.TAILRACE_FULL !== undefined;
const PROGRAMS = Number(process.env.TAILRACE_TEST_PROGRAMS ?? (full ? 10_000 : 16));
/** Programs of one database. */
const TOGETHER = Math.min(PROGRAMS, 100);
const WRITERS = 4;
const STEPS = 12;

const scene = postgresScenes({ max_replication_slots: '200', max_wal_senders: '200' });

/** Types with values that each keeps exactly, and what it can be altered to without USING. */
const TYPES: readonly (readonly [type: string, values: readonly string[], wider: readonly string[]])[] = [
  ['smallint', ['-32768', '7', 'null'], ['int', 'bigint', 'numeric', 'text']],
  ['int', ['0', '2147483647'], ['bigint', 'numeric(20,2)', 'text']],
  ['bigint', ['9007199254740993', 'null'], ['numeric', 'text']],
  ['numeric(12,3)', ['-1.5', '123456789.125', `'NaN'`], ['numeric', 'text']],
  ['real', ['1.5', `'Infinity'`], ['double precision', 'text']],
  ['boolean', ['true', 'null'], ['text']],
  ['varchar(20)', [`'ü'`, `''`, `E'a\\tb\\\\'`], ['text', 'varchar(40)']],
  ['text', [`'日本🎉'`, `'null'`, 'null', `repeat('x', 200)`], ['varchar(400)']],
  ['bytea', [`'\\x00ff'`, `''`], []],
  ['date', [`'2024-02-29'`, `'infinity'`, `'0044-03-15 BC'`], ['timestamp', 'text']],
  ['timestamptz', [`'2024-02-29 12:00:00.000001+02'`, 'null'], ['timestamptz(3)', 'text']],
  ['interval', [`'1 mon -2 days 03:04:05.6'`], ['text']],
  ['uuid', [`md5('a')::uuid`, 'null'], ['text']],
  ['jsonb', [`'{"a": [1, 2.50, null]}'`, 'null'], ['text']],
  ['int[]', [`'{1,null,3}'`, `'[2:3][0:1]={{1,2},{3,4}}'`], ['bigint[]', 'text']],
  ['text[]', [`array['a,b', null, '"']`, `'{}'`], []],
  ['int4range', [`'[1,5)'`, `'empty'`], ['text']],
  ['mood', [`'glad'`, `'sad'`, 'null'], ['text']],
  ['short', [`'abc'`, 'null'], ['text']],
  ['pair', [`row(1, 'x,"y')::pair`, 'null'], []],
];

interface Column {
  name: string;
  type: (typeof TYPES)[number] | null;
}

/** Statements of one program; those between BEGIN and its end are one transaction. */
class Program {
  readonly #random: Random;
  readonly #table: string;
  readonly #columns: Column[] = [];
  #serial = 0;
  /** At some time. */
  #isGenerated = false;
  #isFull = false;

  constructor(random: Random, table: string) {
    this.#random = random;
    this.#table = table;
  }

  *steps(): Generator<string> {
    const random = this.#random;
    for (let step = 0; step < STEPS; step++) {
      if (random.chance(0.05)) yield `truncate ${this.#table}`;
      else if (random.chance(0.5)) yield this.#one();
      else yield* this.#transaction();
    }
  }

  *#transaction(): Generator<string> {
    const random = this.#random;
    // What is undone must not be remembered either.
    const before = this.#columns.map((column) => ({ ...column }));
    yield 'begin';
    for (let i = random.between(1, 4); i > 0; i--) {
      if (!random.chance(0.2)) yield this.#one();
      else {
        const kept = this.#columns.map((column) => ({ ...column }));
        yield 'savepoint s';
        yield this.#one();
        const isUndone = random.chance(0.5);
        yield isUndone ? 'rollback to s' : 'release s';
        if (isUndone) this.#columns.splice(0, this.#columns.length, ...kept);
      }
    }
    const isUndone = random.chance(0.2);
    yield isUndone ? 'rollback' : 'commit';
    if (isUndone) this.#columns.splice(0, this.#columns.length, ...before);
  }

  #one(): string {
    return this.#random.chance(0.4) ? this.#ddl() : this.#change();
  }

  #ddl(): string {
    const random = this.#random;
    const alter = `alter table ${this.#table}`;
    const what = random.between(1, 10);
    const column = this.#columns.length === 0 ? null : random.pick(this.#columns);
    if (column === null || what <= 4) return `${alter} add ${this.#add()}`;
    if (what <= 5) {
      this.#columns.splice(this.#columns.indexOf(column), 1);
      return `${alter} drop ${column.name}`;
    }
    if (what <= 7) {
      const old = column.name;
      column.name = `c${++this.#serial}`;
      return `${alter} rename ${old} to ${column.name}`;
    }
    if (what <= 8 && column.type !== null && column.type[2].length > 0) {
      const to = random.pick(column.type[2]);
      column.type = null;
      return `${alter} alter ${column.name} type ${to}`;
    }
    // The server refuses updates of a table whose identity has generated columns that are not published.
    const identity = this.#isGenerated ? 'default' : random.pick(['full', 'default', 'default']);
    this.#isFull ||= identity === 'full';
    return random.chance(0.5)
      ? `${alter} replica identity ${identity}`
      : `alter type mood add value if not exists 'm${random.between(1, 9)}'`;
  }

  #add(): string {
    const random = this.#random;
    const name = `c${++this.#serial}`;
    if (!this.#isFull && random.chance(0.1)) {
      this.#isGenerated = true;
      return `g${this.#serial} bigint generated always as (id * ${this.#serial}) stored`;
    }
    const type = random.pick(TYPES);
    this.#columns.push({ name, type });
    return `${name} ${type[0]}${random.chance(0.4) ? ` default ${random.pick(type[1])}` : ''}`;
  }

  #change(): string {
    const random = this.#random;
    const table = this.#table;
    const id = random.between(1, 20);
    const valued = this.#columns.filter((column) => column.type !== null);
    switch (random.between(1, 6)) {
      case 1:
        return `delete from ${table} where id = ${id}`;
      case 2:
        return `update ${table} set id = ${id + random.between(20, 40)} where id = ${id} and not exists (select from ${table} where id > 20)`;
      case 3: {
        const names = ['id', 'a', ...valued.map(({ name }) => name)];
        const values = [id, random.between(0, 9), ...valued.map(({ type }) => random.pick(type![1]))];
        return `insert into ${table} (${names.join(', ')}) values (${values.join(', ')}) on conflict do nothing`;
      }
      default: {
        const sets = valued
          .filter(() => random.chance(0.5))
          .map(({ name, type }) => `${name} = ${random.pick(type![1])}`);
        return `update ${table} set ${['a = a + 1', ...sets].join(', ')} where id between ${id} and ${id + 2}`;
      }
    }
  }
}

/** Runs the programs of these tables, one after the other; an error undoes its transaction, and goes on behind it. */
async function run(client: pg.Client, tables: readonly string[], random: Random): Promise<number> {
  let errors = 0;
  for (const table of tables) {
    let isBroken = false;
    for (const sql of new Program(new Random(random.uint32()), table).steps()) {
      if (isBroken && sql !== 'commit' && sql !== 'rollback') continue;
      isBroken = false;
      await client.query(sql).catch(async () => {
        errors++;
        isBroken = (await client.query('select 1').catch(() => null)) === null;
      });
    }
  }
  return errors;
}

const texts = (rows: Iterable<Record<string, Recorded>>) => [...rows].map((row) => JSON.stringify(row)).sort();

/** What a source that begins now reads. */
async function freshRows(made: Scene, tables: readonly string[]): Promise<ReturnType<typeof foldChanges>> {
  const fresh = read(sourceOptions(made.url, `${made.options.name}f`, tables));
  const ends = () =>
    fresh.output.transactions.filter(({ markers }) => markers.some((one) => one.startsWith('snapshot-end')));
  await fresh.until(() => ends().length === tables.length);
  await fresh.stop();
  const { client, options } = made;
  await client.query(`select pg_drop_replication_slot('tailrace_test_${options.name}f')`).catch(() => {});
  return foldChanges(fresh.output.transactions);
}

/** Connections that run the programs side by side. */
class Writers {
  refused = 0;
  isOver = false;
  error: unknown = null;

  static async start(made: Scene, names: readonly string[], random: Random): Promise<Writers> {
    const writers = new Writers();
    const clients = await Promise.all(Array.from({ length: WRITERS }, () => made.connect()));
    const shares = clients.map((client, i) => {
      return { client, names: names.filter((_, n) => n % WRITERS === i), random: new Random(random.uint32()) };
    });
    void writers.#run(made, names, shares).catch((error: unknown) => {
      writers.error = error;
    });
    return writers;
  }

  async #run(
    { client }: Scene,
    names: readonly string[],
    shares: readonly { client: pg.Client; names: readonly string[]; random: Random }[],
  ): Promise<void> {
    const refused = await Promise.all(shares.map((share) => run(share.client, share.names, share.random)));
    this.refused = refused.reduce((sum, one) => sum + one, 0);
    // Rows that were there before a column was have no change that says so: all are written again.
    for (const name of names) await client.query(`update ${name} set a = a`);
    this.isOver = true;
    // Has the stream tell where it is.
    await client.query('insert into the_end values (1)');
  }
}

const NOWHERE = {
  v: 1,
  system: '',
  timeline: 1,
  slot: '',
  publication: null,
  lsn: '0/0',
  tables: { none: { oid: 0, entry: '', read: 'pending' } },
};

async function batch(random: Random, count: number): Promise<number> {
  const names = Array.from({ length: count }, (_, i) => `p${i}`);
  const tables = ['public.the_end', ...names.map((name) => `public.${name}`)];
  const made = await scene(
    tables,
    `create type mood as enum ('glad', 'sad'); create domain short as varchar(9) check (value <> 'no'); create type pair as (i int, t text);
     create table the_end (id int primary key);
     ${names.map((name) => `create table ${name} (id int primary key, a int); insert into ${name} select i, 0 from generate_series(1, 8) i;`).join('')}`,
  );
  const follower = new Follower(made.options);
  const isRead = () =>
    Object.values(readPosition(follower.position ?? NOWHERE).tables).every(({ read: how }) => how === 'past');
  // Half of the programs run while the tables are read.
  if (random.chance(0.5)) await follower.run(isRead);
  const writers = await Writers.start(made, names, random);
  const isDone = () => writers.error !== null || (writers.isOver && isRead());
  while (!isDone()) {
    const next = follower.transactions.length + random.between(1, 200);
    await follower.run(() => isDone() || follower.transactions.length >= next);
  }
  if (writers.error !== null) throw writers.error;
  // Streamed behind everything that was written.
  await made.client.query('insert into the_end values (1000000)');
  await follower.run(() => follower.transactions.at(-1)?.rows.at(-1)?.after?.id === '1000000');
  const streamed = foldChanges(follower.transactions);
  const fresh = await freshRows(made, tables);
  for (const table of tables) {
    expect(texts(streamed.get(table)?.values() ?? []), table).toEqual(texts(fresh.get(table)?.values() ?? []));
  }
  return writers.refused;
}

test('invariant 9: random programs of DDL and changes: what was streamed equals a fresh snapshot', {
  timeout: full ? 7_200_000 : 60_000,
}, async () => {
  const random = new Random(testSeed);
  let errors = 0;
  for (let done = 0; done < PROGRAMS; done += TOGETHER) {
    errors += await batch(random, Math.min(TOGETHER, PROGRAMS - done));
    if (full) console.log(`programs: ${done + TOGETHER} of ${PROGRAMS}`);
  }
  console.log(
    `programs of DDL and changes: ${PROGRAMS} equal to fresh snapshots, ${errors} statements refused, seed ${testSeed}`,
  );
});
