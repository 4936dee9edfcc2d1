/** A mixed workload from a seed: two connections, every kind of change, keys that change, savepoints, rollbacks, DDL. */
import type { Connection } from 'mysql2/promise';
import type { Random } from '../../demo/shop/random.ts';

export const MYSQL_TABLES = ['plain', 'pair', 'wide'];
export const MYSQL_KEYS = { plain: ['id'], pair: ['y', 'x'], wide: ['id'] };

const SERIES = '(WITH RECURSIVE s AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM s WHERE i < 40) SELECT i FROM s) t';
export const MYSQL_DDL = `
  CREATE TABLE plain (id int PRIMARY KEY, n decimal(10,2), v text);
  CREATE TABLE pair (x varchar(30), y int, v text, PRIMARY KEY (y, x));
  CREATE TABLE wide (id bigint unsigned PRIMARY KEY, v varchar(40), b varbinary(20), at timestamp(6) NULL, e enum('a', 'b'));
  CREATE TABLE uncaptured (v text);
  INSERT INTO plain SELECT i, i * 1.10, CONCAT('before ', i) FROM ${SERIES};
  INSERT INTO pair SELECT CONCAT('x', i), i, NULL FROM ${SERIES};
  INSERT INTO wide SELECT 18446744073709551615 - i, CONCAT('w', i), X'00ff', NULL, 'a' FROM ${SERIES};`;

export interface MysqlStep {
  readonly connection: 0 | 1;
  readonly sql: string;
}

export interface WorkloadOptions {
  /** Statements that need all other transactions to be over. */
  readonly ddl?: boolean;
}

/** About `count` transactions, one after the other. Ids of the two connections are odd and even: they never wait for each other. */
export function mysqlWorkload(random: Random, count: number, { ddl = false }: WorkloadOptions = {}): MysqlStep[] {
  const steps: MysqlStep[] = [];
  let serial = 0;
  let added = 0;
  const statement = (connection: 0 | 1): string => {
    const id = () => 2 * random.between(1, 30) + connection;
    const tag = `v${++serial}`;
    return random.pick([
      () =>
        `INSERT INTO plain (id, n, v) VALUES (${id()}, ${random.between(-99, 99)}.50, REPEAT('${tag}', ${random.pick([0, 1, 900])})) ON DUPLICATE KEY UPDATE v = '${tag}'`,
      () => `UPDATE plain SET v = '${tag}', n = NULL WHERE id = ${id()}`,
      () => `UPDATE plain SET v = '${tag}' WHERE id % 2 = ${connection} AND id < 20`,
      () => `DELETE FROM plain WHERE id = ${id()}`,
      () => `REPLACE INTO plain (id, v) VALUES (${id()}, 'replaced ${tag}')`,
      () => `INSERT INTO pair (x, y, v) VALUES ('${tag}\\t''', ${id()}, NULL), ('${tag}b', ${id()}, '')`,
      () => `UPDATE pair SET x = UPPER(x) WHERE y = ${id()}`,
      () => `UPDATE pair SET x = '${tag}' WHERE y = ${id()} LIMIT 1`,
      () => `DELETE FROM pair WHERE y = ${id()}`,
      () =>
        `INSERT IGNORE INTO wide VALUES (${id()}, '${tag}', X'${tag.length % 2 === 0 ? '00' : 'ff00'}', NOW(6), 'b')`,
      () => `UPDATE wide SET at = '2026-10-25 02:30:00.5', v = '${tag}' WHERE id = ${id()}`,
      () => `UPDATE wide SET id = ${1000 + 2 * serial + connection} WHERE id = ${id()}`,
      () => `DELETE FROM wide WHERE id > 1000 AND id < 2000000 AND id % 2 = ${connection}`,
      () => `UPDATE plain SET v = v WHERE 0`,
      () => `INSERT INTO uncaptured VALUES ('${tag}')`,
    ])();
  };
  for (let done = 0; done < count; done++) {
    const connection = random.pick([0, 1] as const);
    const step = (sql: string) => steps.push({ connection, sql });
    if (random.chance(0.04)) step('FLUSH BINARY LOGS');
    else if (ddl && random.chance(0.05)) {
      const drops = added > 0 && random.chance(0.4);
      if (drops) step(`ALTER TABLE plain DROP COLUMN c${added--}`);
      else step(`ALTER TABLE plain ADD COLUMN c${++added} varchar(10) ${random.pick(['FIRST', 'AFTER id', ''])}`);
    } else if (ddl && random.chance(0.02)) step('TRUNCATE TABLE pair');
    else if (random.chance(0.4)) step(statement(connection));
    else {
      step('BEGIN');
      for (let left = random.between(1, 6); left > 0; left--) {
        if (random.chance(0.15)) {
          step('SAVEPOINT s');
          step(statement(connection));
          step(random.chance(0.5) ? 'ROLLBACK TO s' : 'RELEASE SAVEPOINT s');
        } else step(statement(connection));
      }
      step(random.chance(0.1) ? 'ROLLBACK' : 'COMMIT');
    }
  }
  return steps;
}

export async function runMysqlWorkload(connections: readonly Connection[], steps: readonly MysqlStep[]): Promise<void> {
  for (const { connection, sql } of steps) await connections[connection]!.query(sql);
}
