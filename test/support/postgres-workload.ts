/**
 * A mixed workload from a seed: two connections whose transactions overlap, every kind of change, keys that change, large
 * columns that do not, savepoints and transactions that roll back, truncates, statements that change nothing.
 */
import type pg from 'pg';
import { Random } from '../../demo/shop/random.ts';

export const WORKLOAD_TABLES = ['public.plain', 'public.pair', 'public.full', 'public.coded'];

export const WORKLOAD_DDL = `
  create table uncaptured (v text);
  create table plain (id int primary key, n numeric, v text, big text);
  alter table plain alter big set storage external;
  create table pair (x text, y int, v text, primary key (y, x));
  create table "full" (id int primary key, v text, big text);
  alter table "full" replica identity full; alter table "full" alter big set storage external;
  create table coded (id int primary key, code text not null unique, v text);
  alter table coded replica identity using index coded_code_key;
  insert into plain select i, i * 1.10, 'before ' || i, repeat(chr(65 + i % 26), 3000) from generate_series(1, 20) i;
  insert into pair select 'x' || i, i, null from generate_series(1, 20) i;
  insert into "full" select i, 'before', repeat('y', 3000) from generate_series(1, 20) i;
  insert into coded select i, 'code ' || i, 'before' from generate_series(1, 20) i;`;

/** One statement of one of the two connections. */
export interface Step {
  readonly connection: 0 | 1;
  readonly sql: string;
}

/** About `count` transactions. Ids of the two connections are odd and even, so that they never wait for each other. */
export function mixedWorkload(seed: number, count: number): Step[] {
  const random = new Random(seed);
  const steps: Step[] = [];
  const writer = new StatementWriter(random);
  for (let done = 0; done < count; ) {
    if (random.chance(0.3)) {
      const both = [0, 1].map((connection) => transaction(random, writer, connection as 0 | 1));
      done += 2;
      while (both.some((list) => list.length > 0)) {
        const next = random.pick(both.filter((list) => list.length > 0)).shift();
        if (next !== undefined) steps.push(next);
      }
    } else {
      done++;
      const alone = random.chance(0.05) ? [{ connection: 0 as const, sql: 'truncate plain, "full"' }] : [];
      steps.push(...(alone.length > 0 ? alone : transaction(random, writer, random.pick([0, 1] as const))));
    }
  }
  return steps;
}

function transaction(random: Random, writer: StatementWriter, connection: 0 | 1): Step[] {
  const step = (sql: string): Step => ({ connection, sql });
  const statement = () => step(writer.statement(connection));
  if (random.chance(0.4)) return [statement()];
  const steps = [step('begin')];
  for (let left = random.between(1, 6); left > 0; left--) {
    if (random.chance(0.15)) {
      steps.push(step('savepoint s'), statement(), step(random.chance(0.5) ? 'rollback to s' : 'release s'));
    } else steps.push(statement());
  }
  steps.push(step(random.chance(0.1) ? 'rollback' : 'commit'));
  return steps;
}

class StatementWriter {
  readonly #random: Random;
  #serial = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  statement(connection: 0 | 1): string {
    const random = this.#random;
    const id = () => 2 * random.between(1, 30) + connection;
    const tag = `v${++this.#serial}`;
    return random.pick([
      () =>
        `insert into plain values (${id()}, ${random.between(-99, 99)}.50, '${tag}', repeat('${tag}', ${random.pick([0, 1, 900])}))
         on conflict (id) do update set v = excluded.v`,
      () => `update plain set v = '${tag}', n = null where id = ${id()}`,
      () => `update plain set v = '${tag}' where id % 2 = ${connection} and id < 20`,
      () => `delete from plain where id = ${id()}`,
      () => `insert into pair values (E'${tag}\\t''', ${id()}, null), ('${tag}b', ${id()}, '')`,
      () => `update pair set x = '${tag}' where y = ${id()} and x = (select min(x) from pair p where p.y = pair.y)`,
      () => `update pair set v = '${tag}' where y = ${id()}`,
      () => `delete from pair where y = ${id()}`,
      () => `insert into "full" values (${id()}, '${tag}', repeat('${tag}', 900)) on conflict do nothing`,
      () => `update "full" set v = '${tag}' where id = ${id()}`,
      () => `update "full" set id = ${200 + 2 * this.#serial + connection} where id = ${id()}`,
      () => `delete from "full" where id > 15 and id % 2 = ${connection}`,
      () => `insert into coded values (${id()}, '${tag}', 'x') on conflict (id) do update set code = '${tag}'`,
      () => `update coded set v = '${tag}' where id = ${id()}`,
      () => `delete from coded where id = ${id()}`,
      () => `update plain set v = v where false`,
      () => `insert into uncaptured values ('${tag}')`,
    ])();
  }
}

export async function runWorkload(connections: readonly pg.Client[], steps: readonly Step[]): Promise<void> {
  for (const { connection, sql } of steps) await connections[connection]!.query(sql);
}
