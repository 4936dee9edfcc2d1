import { describe, expect, test } from 'vitest';
import { column, table } from '../../test/support/changes.ts';
import type { Problem, StepSource } from '../contracts/rules.ts';
import { createRules } from './index.ts';

const rules = createRules();

const PRODUCTS = table('products', [
  column('id', 'int64', 'bigint', { key: 1 }),
  column('name', 'text', 'text'),
  column('price', 'decimal', 'numeric(12,2)', { precision: 12, scale: 2 }),
  column('stock', 'int32', 'integer'),
  column('published', 'bool', 'boolean'),
  column('created_at', 'timestamptz', 'timestamp with time zone'),
  column('mood', 'enum', 'mood', { enum: ['sad', 'ok', 'happy'] }),
  column('tags', 'array', 'text[]', { element: 'text' }),
]);
const CUSTOMERS = table('customers', [
  column('id', 'int64', 'bigint', { key: 1 }),
  column('email', 'text', 'text'),
  column('name', 'text', 'text'),
]);

type StepConfig = Readonly<Record<string, unknown>>;

function steps(configs: readonly StepConfig[], path: readonly (string | number)[] = ['transform']): StepSource[] {
  return configs.map((config, i) => {
    const [[verb, value]] = Object.entries(config) as [[string, unknown]];
    return { verb, config: value, path: [...path, i] };
  });
}

/** `place code: message → fix`; the place is the path below `transform`, with offset+length. */
function shown({ path, onKey, offset, length, code, message, fix, level }: Problem): string {
  const place = `${path.slice(1).join('.')}${onKey ? ' (key)' : ''}${offset === undefined ? '' : ` @${offset}+${length}`}`;
  return `${place} ${level === 'warning' ? 'warning ' : ''}${code}: ${message}${fix === undefined ? '' : ` → ${fix}`}`;
}

const lint = (...configs: StepConfig[]) => rules.lint(steps(configs), { maskKey: 'k' }).map(shown);
const lintTable = (...configs: StepConfig[]) => rules.lintTable(steps(configs), PRODUCTS).map(shown);

const STEP_PROBLEMS: readonly [StepConfig, string][] = [
  [{ fliter: 'a' }, '0.fliter (key) unknown-step: "fliter" is not a step → did you mean "filter"?'],
  [
    { frobnicate: 1 },
    `0.frobnicate (key) unknown-step: "frobnicate" is not a step → there are ${rules.verbs.join(', ')}`,
  ],
  [{ drop: 'a' }, '0.drop step-argument: a list of columns must stand here → write [a]'],
  [
    { drop: [] },
    '0.drop step-argument: a list of columns must stand here → for example drop: [internal_notes, password_hash]',
  ],
  [{ drop: ['a', { b: 1 }] }, '0.drop.1 step-argument: the name of a column must stand here'],
  [{ select: ['a', 'a'] }, '0.select.1 duplicate-column: column "a" is named twice'],
  [
    { rename: ['a'] },
    '0.rename step-argument: a map from columns must stand here → for example rename: { id: order_id, state: status }',
  ],
  [{ rename: { a: 5 } }, '0.rename.a step-argument: the new name must stand here'],
  [{ rename: { a: 'c', b: 'c' } }, '0.rename.b duplicate-column: there would be two columns "c"'],
  [{ filter: '' }, '0.filter step-argument: a condition must stand here → for example filter: published and stock > 0'],
  [
    { filter: ['a'] },
    '0.filter step-argument: a condition must stand here → for example filter: published and stock > 0',
  ],
  [
    { set: { a: ['x'] } },
    '0.set.a step-argument: an expression must stand here → for example set: { gross: price * 1.19, status: lower(status) }',
  ],
  [
    { set: { a: 1.2345678901234567 } },
    '0.set.a step-argument: an expression must stand here → write the number in quotes: YAML does not keep all its digits',
  ],
  [
    { cast: { a: 'integr' } },
    '0.cast.a @0+6 unknown-type: "integr" is not a type that values can be cast to → did you mean "integer"?',
  ],
  [
    { cast: { a: 'numeric(0)' } },
    '0.cast.a @0+10 type-modifier: numeric takes a precision of 1 to 1000 and a scale of -1000 to 1000 → for example numeric(10,2)',
  ],
  [{ cast: { a: 'int(4)' } }, '0.cast.a @0+6 type-modifier: int takes no number in parentheses → write int'],
  [{ cast: { a: 'int now' } }, '0.cast.a @4+3 expression-syntax: "now" stands where the end must follow'],
  [
    { cast: { a: null } },
    '0.cast.a step-argument: a type must stand here → for example cast: { status: int, time: timestamp }',
  ],
  [{ mask: { a: 'hsh' } }, '0.mask.a step-argument: a way to mask must stand here → did you mean "hash"?'],
  [
    { mask: { a: 'md5sum' } },
    '0.mask.a step-argument: a way to mask must stand here → there are hash, partial, anonymize, null',
  ],
];

const EXPRESSION_PROBLEMS: readonly [string, string][] = [
  ['a = ', '@4+1 expression-syntax: the expression ends where a column, a value or "(" must follow'],
  ['a == 1', '@2+2 expression-syntax: "==" has no meaning in an expression → write ='],
  ['a && b', '@2+2 expression-syntax: "&&" has no meaning in an expression → write and'],
  ['!a', '@0+1 expression-syntax: "!" has no meaning in an expression → write not'],
  [
    'a -- b',
    '@2+2 expression-syntax: "--" has no meaning in an expression → there are no comments here; write two signs as -(-x)',
  ],
  ['a an b', '@2+2 expression-syntax: "an" stands where an operator or the end must follow → did you mean "and"?'],
  ["a = 'x", "@4+2 expression-syntax: text is not closed with '"],
  ['a = "x', '@4+2 expression-syntax: a column name is not closed with "'],
  ['a < b < c', '@6+1 expression-syntax: comparisons cannot be chained → join two comparisons with and'],
  ['(a = 1', '@6+1 expression-syntax: the expression ends where ")" must follow'],
  ['a in 5', '@5+1 expression-syntax: "5" stands where "(" must follow'],
  ['a between 1 or 2', '@12+2 expression-syntax: "or" stands where "and" must follow'],
  [
    'a is nul',
    '@5+3 expression-syntax: "nul" stands where null, true, false, unknown or distinct from must follow → did you mean "null"?',
  ],
  ['case a end', '@7+3 expression-syntax: "end" stands where "when" must follow'],
  [
    '12x > 1',
    '@0+3 expression-syntax: "12x" is neither a number nor a name → a column of this name is written "12x", with the double quotes',
  ],
  [
    'after.x = 1',
    '@0+5 expression-syntax: only "before" may stand before the point → write the column alone; a column that has a point in its name is written in double quotes',
  ],
  ['$ = 1', '@0+1 expression-syntax: a name must follow "$" → for example $op'],
  ["$opp = 'c'", '@0+4 unknown-fact: there is no $opp → did you mean $op?'],
  ["$op = 'delete'", `@6+8 invalid-literal: "delete" is not a value of type $op → there are c, u, d, r`],
  ["$ts > 'yesterday'", '@6+11 invalid-literal: "yesterday" is not a value of type timestamp with time zone'],
  ["lowr(a) = 'x'", '@0+4 unknown-function: there is no function "lowr" → did you mean "lower"?'],
  ['lower(a, b) = 1', '@0+11 function-arguments: lower takes 1 argument, here are 2 → write lower(text)'],
  [
    "coalesce() = ''",
    '@0+10 function-arguments: coalesce takes at least 1 argument, here are 0 → write coalesce(value, …)',
  ],
  ['length(5) > 1', '@0+9 type-mismatch: length does not take integer → write length(text) or length(bytea)'],
  ["1 = 'a'", '@4+3 invalid-literal: "a" is not a value of type integer'],
  ["lower('A') > 5", '@0+14 type-mismatch: text and integer cannot be compared → write cast(… as integer) on the left'],
  ["1 + 'a' > 2", '@4+3 invalid-literal: "a" is not a value of type integer'],
  [
    "a > 1 + lower('b')",
    '@8+10 type-mismatch: "+" needs numbers, this is text → text is joined with ||; a number in a text is read with cast(… as numeric)',
  ],
  [
    'a and 5',
    '@6+1 type-mismatch: "and" needs a condition, this is integer → compare it with something, for example … = 1',
  ],
  ['a * 2', ''],
  [
    '5 * 2',
    '@0+5 type-mismatch: a filter needs a condition, this is integer → compare it with something, for example … > 0',
  ],
  ['a > 1 / 0', '@4+5 always-fails: this always fails: division by zero'],
  ['a > 2147483647 + 1', '@4+14 always-fails: this always fails: integer out of range'],
  ['a > 1e999999', '@4+8 always-fails: this always fails: a number is too large'],
  ["a like 'x\\'", `@7+4 always-fails: this always fails: a pattern of "like" ends with its escape character`],
  [
    "cast(a as jsonc) = 'x'",
    '@10+5 unknown-type: "jsonc" is not a type that values can be cast to → did you mean "json"?',
  ],
  ['a::timestamp with zone', '@18+4 expression-syntax: "zone" stands where "time zone" must follow'],
  ["case when a then 1 else 'x' end = 1", '@24+3 invalid-literal: "x" is not a value of type integer'],
  [
    'case when a then 1 else true end',
    '@17+1 type-mismatch: "case" mixes boolean and integer → write cast(… as boolean)',
  ],
];

const TABLE_PROBLEMS: readonly [StepConfig, string][] = [
  [{ filter: 'stok > 0' }, '0.filter @0+4 unknown-column: there is no column "stok" → did you mean "stock"?'],
  [{ filter: 'Stock > 0' }, '0.filter @0+5 unknown-column: there is no column "Stock" → did you mean "stock"?'],
  [
    { filter: 'name = "new"' },
    `0.filter @7+5 unknown-column: there is no column "new" → text is written in single quotes: 'new'`,
  ],
  [
    { filter: 'name > 5' },
    '0.filter @0+8 type-mismatch: text and integer cannot be compared → write cast(… as integer) on the left',
  ],
  [
    { filter: 'published = 1' },
    '0.filter @0+13 type-mismatch: boolean and integer cannot be compared → write cast(… as integer) on the left',
  ],
  [
    { filter: 'stock' },
    '0.filter @0+5 type-mismatch: a filter needs a condition, this is integer → compare it with something, for example … > 0',
  ],
  [
    { filter: "created_at > '2024-02-30'" },
    '0.filter @13+12 invalid-literal: "2024-02-30" is not a value of type timestamp with time zone: a date does not exist in the calendar',
  ],
  [
    { filter: "mood = 'hapy'" },
    '0.filter @7+6 invalid-literal: "hapy" is not a value of type mood → did you mean "happy"?',
  ],
  [{ filter: "tags = 'x'" }, '0.filter @7+3 invalid-literal: "x" is not a value of type text[]'],
  [{ filter: 'tags = tags' }, '0.filter @0+11 type-mismatch: values of type text[] cannot be compared'],
  [{ filter: "stock in (1, 'x')" }, '0.filter @13+3 invalid-literal: "x" is not a value of type integer'],
  [{ filter: 'lower(mood) = name' }, '0.filter @0+11 type-mismatch: lower does not take mood → write lower(text)'],
  [{ select: ['id', 'nam'] }, '0.select.1 unknown-column: there is no column "nam" → did you mean "name"?'],
  [
    { select: ['name'] },
    '0.select key-column: rows are identified by "id", which must be selected → add id to the list',
  ],
  [
    { drop: ['id'] },
    '0.drop.0 key-column: rows are identified by "id": it cannot be dropped → write mask: { …: hash } to hide its values',
  ],
  [
    { set: { id: 'stock' } },
    '0.set.id (key) key-column: rows are identified by "id": it cannot be set → set a column of another name',
  ],
  [
    { mask: { id: 'partial' } },
    '0.mask.id key-column: rows are identified by "id": masked with "partial", different rows would become one → mask: { id: hash }',
  ],
  [
    { mask: { id: null } },
    '0.mask.id key-column: rows are identified by "id": masked with "null", different rows would become one → mask: { id: hash }',
  ],
  [
    { cast: { id: 'real' } },
    '0.cast.id key-column: rows are identified by "id": as real, different rows could become one → cast a copy made with set',
  ],
  [{ cast: { tags: 'int' } }, '0.cast.tags type-mismatch: column "tags" is text[], which cannot be cast to integer'],
  [{ filter: "name ~ '(a'" }, '0.filter @7+4 always-fails: this always fails: a pattern has a "(" without its ")"'],
  [
    { filter: 'name ~ price' },
    '0.filter @7+5 type-mismatch: "~" needs text, this is numeric(12,2) → write cast(… as text)',
  ],
  [
    { filter: "name -> 'a' is null" },
    '0.filter @0+4 type-mismatch: "->" needs JSON, this is text → write cast(… as jsonb)',
  ],
  [{ rename: { name: 'stock' } }, '0.rename.name duplicate-column: there would be two columns "stock"'],
  [{ set: { x: 'price * qty' } }, '0.set.x @8+3 unknown-column: there is no column "qty"'],
  [
    { set: { x: 'price || 1' } },
    '0.set.x @0+10 type-mismatch: "||" joins text, this is numeric(12,2) and integer → write cast(… as text)',
  ],
];

describe('without the tables', () => {
  test.each(STEP_PROBLEMS)('%j', (config, expected) => {
    expect(lint(config)).toEqual([expected]);
  });

  test.each(EXPRESSION_PROBLEMS)('filter: %s', (expression, expected) => {
    expect(lint({ filter: expression }).map((line) => line.replace('0.filter ', ''))).toEqual(
      expected === '' ? [] : [expected],
    );
  });

  test('limits on length, size and depth are errors, found without exhausting anything', () => {
    const code = (text: string) => rules.lint(steps([{ filter: text }]), { maskKey: 'k' })[0]?.code;
    expect(code(`a = '${'x'.repeat(10_000)}'`)).toBe('expression-limit');
    expect(code(`${'('.repeat(101)}a${')'.repeat(101)}`)).toBe('expression-limit');
    expect(code(`${'('.repeat(100)}a${')'.repeat(100)}`)).toBeUndefined();
    expect(code(`${'not '.repeat(200)}a`)).toBe('expression-limit');
    expect(code(`${'- '.repeat(200)}a = 1`)).toBe('expression-limit');
    expect(code(`${'lower('.repeat(200)}a${')'.repeat(200)} = 'x'`)).toBe('expression-limit');
    expect(code(`a in (${Array.from({ length: 1_200 }, (_, i) => i).join(',')})`)).toBe('expression-limit');
    expect(code(`a${' || a'.repeat(498)} = 'x'`)).toBeUndefined();
  });

  test('several problems come at once', () => {
    const both = lint({ filter: "lowr(a) = 'x' and $opp = 'c'" }, { drop: [] });
    expect(both).toHaveLength(3);
  });

  test('a column that an earlier step took away is known to be gone', () => {
    expect(lint({ drop: ['a'] }, { filter: 'a > 1' })).toEqual([
      '1.filter @0+1 unknown-column: column "a" was dropped by an earlier step',
    ]);
    expect(lint({ rename: { a: 'b' } }, { mask: { a: 'hash' } })).toEqual([
      '1.mask.a (key) unknown-column: column "a" was renamed to "b" by an earlier step',
    ]);
    expect(lint({ select: ['apple', 'cherry'] }, { set: { x: 'walnut + 1', y: 'apple + 1' } })).toEqual([
      '1.set.x @0+6 unknown-column: there is no column "walnut"',
    ]);
    expect(lint({ select: ['apple', 'cherry'] }, { filter: 'before.berry = 1' })).toEqual([
      '1.filter @0+12 unknown-column: there is no column "berry"',
    ]);
    expect(lint({ rename: { a: 'b', b: 'a' } }, { filter: 'a > b' }, { set: { a: 'b' } }, { filter: 'a > 1' })).toEqual(
      [],
    );
  });

  test('types are known as far as the steps say them', () => {
    expect(lint({ set: { n: 'length(a)' } }, { filter: "n = 'x'" })).toEqual([
      '1.filter @4+3 invalid-literal: "x" is not a value of type integer',
    ]);
    expect(lint({ cast: { a: 'date' } }, { filter: 'a' })).toEqual([
      '1.filter @0+1 type-mismatch: a filter needs a condition, this is date → compare it with something, for example … > 0',
    ]);
  });

  test('hash needs a key', () => {
    expect(rules.lint(steps([{ mask: { a: 'hash' } }]), { maskKey: null }).map(shown)).toEqual([
      '0.mask.a mask-key: "hash" needs a secret key, and none is set → set mask_key: ${MASK_KEY} in tailrace.yaml',
    ]);
    expect(rules.lint(steps([{ mask: { a: 'partial' } }]), { maskKey: null })).toEqual([]);
  });

  test('a filter over the event says what that means', () => {
    expect(lint({ filter: "$op != 'd'" })).toEqual([
      '0.filter warning filter-event: this filter looks at the event, but a filter decides which rows stand in the target: a row whose last event does not match is deleted there',
    ]);
    expect(lint({ filter: "$table = 'products'" }, { set: { deleted: "$op = 'd'" } })).toEqual([]);
  });
});

describe('with the table', () => {
  test.each(TABLE_PROBLEMS)('%j', (config, expected) => {
    expect(lintTable(config)).toEqual([expected]);
  });

  test('steps see what the ones before them made', () => {
    expect(
      lintTable(
        { set: { gross: 'price * 1.19' } },
        { rename: { name: 'title' } },
        { cast: { stock: 'text' } },
        { filter: "gross > 5 and title != '' and stock = '5'" },
      ),
    ).toEqual([]);
    expect(lintTable({ rename: { name: 'title' } }, { filter: "name = 'x'" })).toEqual([
      '1.filter @0+4 unknown-column: column "name" was renamed to "title" by an earlier step',
    ]);
  });

  test('the rules of the demo and of the README fit', () => {
    const shared = [{ drop: ['password_hash', 'internal_notes'] }, { mask: { email: 'hash' } }];
    expect(lintTable(...shared)).toEqual([]);
    const catalogue = [
      { filter: 'published and stock > 0' },
      { set: { gross: 'price * 1.19' } },
      { select: ['id', 'name', 'price', 'gross', 'stock'] },
      { rename: { name: 'title' } },
    ];
    expect(lintTable(...shared, ...catalogue)).toEqual([]);
  });
});

describe('with all tables', () => {
  const both = (...configs: StepConfig[]) =>
    rules.lintTables([PRODUCTS, CUSTOMERS].map((one) => ({ steps: steps(configs), table: one }))).map(shown);

  test('a step above several tables may name columns of some of them', () => {
    expect(both({ drop: ['email', 'tags'] }, { mask: { price: 'null' } }, { set: { price: 'stock / 100' } })).toEqual(
      [],
    );
  });

  test('a column that none of them has is an error, with the nearest spelling in any', () => {
    expect(
      both(
        { drop: ['emial'] },
        { set: { price: 'stok / 100' } },
        { rename: { nothing: 'x' } },
        { cast: { prize: 'text' } },
      ),
    ).toEqual([
      '0.drop.0 unknown-column: there is no column "emial" → did you mean "email"?',
      '1.set.price @0+4 unknown-column: there is no column "stok" → did you mean "stock"?',
      '2.rename.nothing (key) unknown-column: there is no column "nothing"',
      '3.cast.prize (key) unknown-column: there is no column "prize" → did you mean "price"?',
    ]);
  });

  test('steps of one sink are held against its tables only, shared ones against all', () => {
    const shared = steps([{ drop: ['email'] }], ['transform']);
    const sink = steps([{ drop: ['emial'] }], ['sinks', 'x', 'transform']);
    const problems = rules.lintTables([
      { steps: [...shared, ...sink], table: CUSTOMERS },
      { steps: shared, table: PRODUCTS },
    ]);
    expect(problems.map(({ path, code }) => [path.join('.'), code])).toEqual([
      ['sinks.x.transform.0.drop.0', 'unknown-column'],
    ]);
  });

  test('what is wrong for every table is said once', () => {
    expect(both({ filter: 'name > 5' })).toHaveLength(1);
  });
});
