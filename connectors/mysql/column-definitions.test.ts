/** DDL as people and tools write it, and what it leaves of a table's columns. */
import { expect, test } from 'vitest';
import { alteredDefinition, createdDefinition, type Definition } from './column-definitions.ts';
import { effectOf } from './statements.ts';

const T: Definition = {
  columns: [
    { name: 'id', labels: null },
    { name: 'Kind', labels: ['a', 'b'] },
    { name: 'v', labels: null },
  ],
  keys: ['id'],
};

/** Columns, their labels, and the key behind a bar; null: not understood. */
function shown(definition: Definition | null): string | null {
  if (definition === null) return null;
  const columns = definition.columns.map(({ name, labels }) => name + (labels === null ? '' : `(${labels})`));
  return `${columns.join(' ')} | ${definition.keys.join(' ')}`;
}

function altered(sql: string): string | null {
  const effect = effectOf(`ALTER TABLE t ${sql}`, 's', false);
  return effect.kind === 'altered' ? shown(alteredDefinition(T, effect.clauses)) : effect.kind;
}

test.each([
  ['ADD x int', 'id Kind(a,b) v x | id'],
  [
    'ADD COLUMN `x y` varchar(10) DEFAULT (concat("a,", `v`)) COMMENT "first, after id" FIRST',
    'x y id Kind(a,b) v | id',
  ],
  ["ADD x decimal(10,2) AFTER ID, ADD y set('it''s', \"q\" ) AFTER x", "id x y(it's,q) Kind(a,b) v | id"],
  ['ADD COLUMN (x int, y enum("a ", "ü"), KEY k (x, y))', 'id Kind(a,b) v x y(a,ü) | id'],
  [
    'ADD COLUMN IF NOT EXISTS v int, ADD KEY (v), ADD FULLTEXT KEY f (v), ADD CONSTRAINT c CHECK (v > 1)',
    'id Kind(a,b) v | id',
  ],
  ['ADD CONSTRAINT FOREIGN KEY (v) REFERENCES u (id) ON DELETE CASCADE', 'id Kind(a,b) v | id'],
  ['ADD `key` int, ADD COLUMN index_ int', 'id Kind(a,b) v key index_ | id'],
  ['DROP v, DROP INDEX i, DROP FOREIGN KEY f, DROP CHECK c', 'id Kind(a,b) | id'],
  ['DROP PRIMARY KEY, ADD PRIMARY KEY USING BTREE (v(10) DESC, `id`)', 'id Kind(a,b) v | v id'],
  ['DROP COLUMN IF EXISTS nothing, DROP COLUMN id CASCADE', 'Kind(a,b) v | '],
  ['CHANGE kind KIND enum("c") NOT NULL AFTER v', 'id v KIND(c) | id'],
  ['CHANGE COLUMN id `no` bigint unsigned AUTO_INCREMENT', 'no Kind(a,b) v | no'],
  ['MODIFY KIND varchar(9) CHARACTER SET latin1 FIRST', 'Kind id v | id'],
  ['RENAME COLUMN id TO `order`, RENAME INDEX a TO b, ALGORITHM=INPLACE, LOCK=NONE', 'order Kind(a,b) v | order'],
  ['ADD x int KEY', 'id Kind(a,b) v x | x'],
  ['ADD x int UNIQUE KEY COMMENT "PRIMARY KEY"', 'id Kind(a,b) v x | id'],
  ['/*M!100200 RENAME COLUMN v TO w */', 'id Kind(a,b) w | id'],
  ['/* gh-ost */ ADD /*!50606 COLUMN */ x int -- y\n', 'id Kind(a,b) v x | id'],
  ['ENGINE = InnoDB, DEFAULT CHARSET utf8mb4, COMMENT = "DROP v", FORCE, ORDER BY v, id', 'id Kind(a,b) v | id'],
  [
    'CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, ALTER COLUMN v SET DEFAULT 7, ALTER INDEX i INVISIBLE',
    'id Kind(a,b) v | id',
  ],
  ['ADD x enum("a\\\\b")', null],
  ['ADD v int', null],
  ['DROP nothing', null],
  ['ADD x int AFTER nothing', null],
  ['ADD SYSTEM VERSIONING', null],
  ['SOMETHING new', null],
])('ALTER TABLE t %s', (sql, expected) => {
  expect(altered(sql)).toBe(expected);
});

test.each([
  [
    'CREATE TABLE c (`id` int NOT NULL, k enum("a",\'b\') DEFAULT "a", PRIMARY KEY (`id`), KEY (k)) ENGINE=InnoDB',
    'id k(a,b) | id',
  ],
  [
    'CREATE TABLE IF NOT EXISTS s.c (id bigint PRIMARY KEY, g int AS (id + 1) STORED, CONSTRAINT x UNIQUE (g))',
    'id g | id',
  ],
  ['CREATE TABLE c (a int, b int, PRIMARY KEY (b, a)) PARTITION BY HASH (b) PARTITIONS 4', 'a b | b a'],
  ['CREATE TABLE c (id int) SELECT 1 AS x', null],
])('%s', (sql, expected) => {
  const effect = effectOf(sql.replace('IF NOT EXISTS ', ''), 's', false);
  if (effect.kind !== 'replaced' || effect.made === undefined || !('definition' in effect.made)) throw new Error(sql);
  expect(shown(createdDefinition(effect.made.definition))).toBe(expected);
});

test('CREATE TABLE … LIKE names the other one', () => {
  for (const sql of ['create /* gh-ost */ table `s`.`_t_gho` like `s`.`t`', 'CREATE TABLE _t_new (LIKE t)']) {
    expect(effectOf(sql, 's', false)).toMatchObject({ made: { like: { schema: 's', table: 't' } } });
  }
});

test.each([
  ["SET STATEMENT max_statement_time = 1, sql_mode = 'for' FOR ALTER TABLE t DROP v", 'altered'],
  ["set statement lock_wait_timeout = substring('91' FROM 1 FOR 1) for truncate t", 'truncate'],
  ['SET STATEMENT lock_wait_timeout = 1', 'unknown'],
  ["SET PASSWORD FOR 'u' = 'x'", 'none'],
])('%s', (sql, kind) => {
  expect(effectOf(sql, 's', false).kind).toBe(kind);
});
