/** Random programs of ALTER TABLE and changes: what was streamed, read while they ran or long afterwards, is the table. */
import { describe, expect, test } from 'vitest';
import { Random } from '../../demo/shop/random.ts';
import { foldChanges } from '../../test/support/fold-changes.ts';
import { sampledFlavors } from '../../test/support/mysql-flavors.ts';
import { MysqlFollower } from '../../test/support/mysql-follower.ts';
import { mysqlScenes, readMysql } from '../../test/support/mysql-source.ts';
import { testSeed } from '../../test/support/seed.ts';

const full = process.env.TAILRACE_FULL !== undefined;
const PROGRAMS = full ? 150 : 4;
const STEPS = 25;
const THE_END = '1000000';

/** Types with values that each of them keeps exactly. */
const TYPES: readonly (readonly [type: string, values: readonly string[]])[] = [
  ['varchar(20) CHARACTER SET latin1', ["'über'", "''"]],
  ['varchar(300) CHARACTER SET utf8mb4', ["'日本🎉'", "REPEAT('x', 299)"]],
  ['char(5) CHARACTER SET sjis', ["'日本'", "'a'"]],
  ['text CHARACTER SET utf16', ["'ß'", 'NULL']],
  ['varbinary(10)', ["X'00ff'", "X''"]],
  ['mediumblob', ["X'ff'", 'NULL']],
  ['decimal(12,3)', ['-1.5', '123456789.125']],
  ['bigint unsigned', ['18446744073709551615', '0']],
  ['smallint', ['-32768', '7']],
  ['mediumint unsigned', ['16777215', '1']],
  ['float', ['1.5', '-0.25']],
  ['double', ['1e100', '0']],
  ["enum('a', 'ü', 'c')", ["'ü'", "'c'"]],
  ["enum('c', 'a')", ["'a'", 'NULL']],
  ["set('x', 'y', 'z')", ["'x,z'", "''"]],
  ['datetime(3)', ["'2024-02-29 12:00:00.125'", "'0000-00-00 00:00:00'"]],
  ['timestamp(6) NULL', ["'2024-02-29 12:00:00.000001'", 'NULL']],
  ['time(2)', ["'-838:59:58.25'", "'00:00:00'"]],
  ['date', ["'1000-01-01'", 'NULL']],
  ['year', ['1901', '2155']],
  ['bit(9)', ["b'100000001'", "b'0'"]],
  ['json', ['\'{"b": [1, 2.50], "a": null}\'', 'NULL']],
  ['point', ["ST_GeomFromText('POINT(1 2)')", 'NULL']],
];

interface Column {
  readonly name: string;
  readonly values: readonly string[];
}

/** A table `t (id, touched, plain)` as the statements so far have made it. */
class Programmer {
  readonly #random: Random;
  readonly #flavor: 'mysql' | 'mariadb';
  readonly #generated: readonly string[];
  readonly #columns: Column[] = [];
  #serial = 0;

  /** @param generated kinds of generated columns */
  constructor(random: Random, flavor: 'mysql' | 'mariadb', generated: readonly string[]) {
    this.#random = random;
    this.#generated = generated;
    this.#flavor = flavor;
  }

  /** All of the rows are written again after each change of their columns. */
  program(): string[] {
    const random = this.#random;
    const steps: string[] = [];
    for (let left = STEPS; left > 0; left--) {
      if (random.chance(0.35)) steps.push(this.#alter(), 'UPDATE t SET touched = touched + 1');
      else if (random.chance(0.06)) steps.push('TRUNCATE TABLE t');
      else if (random.chance(0.1)) {
        steps.push(`BEGIN; ${this.#insert()}; ${this.#update()}; DELETE FROM t WHERE id % 3 = 1; COMMIT`);
      } else steps.push(random.chance(0.6) ? this.#insert() : this.#update());
    }
    steps.push('UPDATE t SET touched = touched + 1', `INSERT INTO t (id, touched) VALUES (${THE_END}, 0)`);
    return steps;
  }

  #alter(): string {
    const random = this.#random;
    if (this.#columns.length > 0 && random.chance(0.5)) return this.#change();
    if (random.chance(0.6)) return this.#add();
    return random.chance(0.3) ? this.#migrate() : this.#other();
  }

  #place(): string {
    const behind = this.#columns.length > 0 ? [`AFTER ${this.#random.pick(this.#columns).name}`] : [];
    return this.#random.pick(['', 'FIRST', 'AFTER id', ...behind]);
  }

  #invisible(): string {
    return this.#random.chance(0.2) ? 'INVISIBLE' : '';
  }

  #add(): string {
    const random = this.#random;
    const serial = ++this.#serial;
    const where = this.#place();
    if (random.chance(0.15)) {
      const kind = random.pick(this.#generated);
      return `ALTER TABLE t ADD COLUMN g${serial} bigint GENERATED ALWAYS AS (id * ${serial} + touched) ${kind} ${where}`;
    }
    const [type, values] = random.pick(TYPES);
    this.#columns.push({ name: `c${serial}`, values });
    return `ALTER TABLE t ADD COLUMN c${serial} ${type} ${this.#invisible()} ${where}`;
  }

  #change(): string {
    const random = this.#random;
    const [old] = this.#columns.splice(random.between(0, this.#columns.length - 1), 1) as [Column];
    if (random.chance(0.4)) return `ALTER TABLE t DROP COLUMN ${old.name}`;
    const [type, values] = random.pick(TYPES);
    const where = this.#place();
    const name = random.chance(0.5) ? `r${++this.#serial}` : old.name;
    // A value of one type is seldom one of another: the old ones go.
    this.#columns.push({ name, values });
    const added = `ADD COLUMN ${name} ${type} ${this.#invisible()} ${where}`;
    return `UPDATE t SET ${old.name} = NULL; ALTER TABLE t DROP COLUMN ${old.name}, ${added}`;
  }

  #other(): string {
    return this.#random.pick([
      'ALTER TABLE t ADD INDEX i (touched), ALGORITHM = INPLACE; ALTER TABLE t DROP INDEX i',
      'ALTER TABLE t COMMENT = "it’s"',
      'ALTER TABLE t ENGINE = InnoDB',
      'ALTER TABLE t RENAME COLUMN plain TO x; UPDATE t SET x = touched; ALTER TABLE t RENAME COLUMN x TO plain',
      'OPTIMIZE TABLE t',
      `ALTER TABLE t MODIFY COLUMN plain int ${this.#place()}`,
      `ALTER TABLE t CHANGE \`Plain\` plain int /* it */ COMMENT 'KEY, (' ${this.#place()}, ADD INDEX j (touched); ALTER TABLE t DROP INDEX j`,
      'CREATE TABLE u LIKE t; DROP TABLE u',
      ...(this.#flavor === 'mysql' ? ['ALTER TABLE t ADD CHECK (id >= 0)'] : []),
    ]);
  }

  /** As pt-online-schema-change and gh-ost do it. */
  #migrate(): string {
    const [copy, old] = this.#random.pick([
      ['_t_new', '_t_old'],
      ['_t_gho', '_t_del'],
    ]);
    const names = ['id', 'touched', 'plain', ...this.#columns.map(({ name }) => name)].join(', ');
    const [type, values] = this.#random.pick(TYPES);
    const name = `m${++this.#serial}`;
    const added = `ALTER TABLE ${copy} ADD COLUMN (${name} ${type})`;
    const moved = `ALTER TABLE \`${copy}\` MODIFY touched int ${this.#place()}`;
    this.#columns.push({ name, values });
    return `CREATE TABLE ${copy} LIKE t; ${added}; ${moved}; INSERT INTO ${copy} (${names}) SELECT ${names} FROM t;
      RENAME TABLE t TO ${old}, ${copy} TO t; DROP TABLE ${old}`;
  }

  #insert(): string {
    const names = this.#columns.map(({ name }) => name);
    const values = this.#columns.map((column) => this.#random.pick(column.values));
    const id = this.#random.between(1, 40);
    return `REPLACE INTO t (${['id', 'touched', ...names].join(', ')}) VALUES (${[id, 0, ...values].join(', ')})`;
  }

  #update(): string {
    const set = this.#columns.length > 0 && this.#random.chance(0.7) ? this.#random.pick(this.#columns) : null;
    const text = set === null ? 'touched = touched + 2' : `${set.name} = ${this.#random.pick(set.values)}`;
    return `UPDATE t SET ${text} WHERE id % ${this.#random.between(1, 4)} = 0`;
  }
}

describe.each(sampledFlavors(5))('changed tables of %s', async (flavor) => {
  const { missing, scene } = await mysqlScenes(flavor);

  test.skipIf(missing)('invariant 9: are streamed as they are', { timeout: full ? 900_000 : 60_000 }, async () => {
    for (let run = 0; run < PROGRAMS; run++) {
      const random = new Random(testSeed, run);
      const metadata = run % 2 === 0 ? 'MINIMAL' : 'FULL';
      const set = `SET GLOBAL binlog_row_metadata = ${metadata}`;
      const made = await scene(['t'], `${set}; CREATE TABLE t (id int PRIMARY KEY, touched int, plain int)`);
      const label = `${made.database}.t`;
      // MariaDB leaves virtual ones out since 11.8: a gap.
      const generated = /MariaDB (11\.[89]|1[2-9])/.test(made.server.name) ? ['STORED'] : ['VIRTUAL', 'STORED'];
      // A server notices only at its next heartbeat that a reader has gone.
      if (full) await made.client.query('SET GLOBAL max_connections = 2000');
      const during = new MysqlFollower({ ...made.options, name: 'during' });
      const later = new MysqlFollower({ ...made.options, name: 'later' });
      const ended = ({ transactions }: MysqlFollower) => transactions.at(-1)?.rows.at(-1)?.after?.id === THE_END;
      for (const one of [during, later]) await one.run(() => one.transactions.length === 1);
      const reading = during.run(() => ended(during));
      const steps = new Programmer(random, flavor, generated).program();
      const told = `run ${run} of seed ${testSeed}, ${metadata}\n${steps.join(';\n')}`;
      for (const sql of steps) {
        await made.client.query(sql).catch((cause: unknown) => {
          throw new Error(`${sql}\n${told}`, { cause });
        });
      }
      await reading.catch((cause: unknown) => {
        throw new Error(told, { cause });
      });
      await later.run(() => ended(later));
      const fresh = readMysql({ ...made.options, name: 'fresh' });
      await fresh.until(() => fresh.output.transactions.length === 1);
      await fresh.stop();
      const texts = (rows: Iterable<Record<string, unknown>>) => [...rows].map((row) => JSON.stringify(row)).sort();
      const wanted = texts(fresh.output.rows().map(({ after }) => after!));
      for (const { transactions } of [during, later]) {
        expect(
          texts(
            foldChanges(transactions, { [label]: ['id'] })
              .get(label)!
              .values(),
          ),
          told,
        ).toEqual(wanted);
      }
    }
  });
});
