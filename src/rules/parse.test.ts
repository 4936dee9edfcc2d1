/** `parse`: texts of every format, in right and wrong forms. */
import { describe, expect, test } from 'vitest';
import { column, table } from '../../test/support/changes.ts';
import { apply, object, rules, steps } from '../../test/support/rules.ts';
import { NOT_SENT } from '../contracts/row.ts';

const LINES = table('lines', [column('id', 'int64', 'bigint', { key: 1 }), column('line', 'text', 'text')]);

function parsed(config: Record<string, unknown>, line: string | null) {
  const { after } = apply(LINES, [{ parse: { from: 'line', ...config } }], {
    op: 'insert',
    version: 1,
    after: [1n, line],
  });
  const { id: _, line: kept, ...fields } = object(after)!;
  expect(kept).toBe(line);
  return fields;
}

const JSON_COLUMNS = {
  as: 'json',
  columns: { path: 'text', status: 'int', amount: 'numeric', tags: 'jsonb', at: 'timestamptz' },
};
const NGINX =
  '203.0.113.9 - bob [10/Oct/2024:13:55:36 +0200] "GET /a?b=\\"c HTTP/1.1" 200 2326 "-" "Mozilla/5.0 (X11; \\x22)"';

describe('parse', () => {
  test('json: fields by name, with all their digits', () => {
    const line =
      '{"path": "/ä\\n", "status": 200, "amount": 12345678901234567890.10, "tags": {"b":1,"a":[2]}, "more": 1}';
    expect(parsed(JSON_COLUMNS, line)).toEqual({
      path: '/ä\n',
      status: 200,
      amount: '12345678901234567890.10',
      tags: '{"a": [2], "b": 1}',
      at: null,
    });
    expect(parsed({ as: 'json', columns: ['__proto__', 'b'] }, '{"__proto__": "x", "b": null}')).toMatchObject({
      b: null,
    });
  });

  test('csv: quotes, doubled quotes, empty fields; a line of another length is refused', () => {
    const config = { as: 'csv', columns: { a: 'text', b: 'int', c: 'text' }, separator: ';' };
    expect(parsed(config, '"x;""y""";7;\r\n')).toEqual({ a: 'x;"y"', b: 7, c: null });
    for (const wrong of ['a;1', 'a;1;b;c', '"a;1;b', 'a"b;1;c', '"a"b;1;c']) {
      expect(() => parsed(config, wrong), wrong).toThrow('not of this form');
    }
  });

  test('logfmt: pairs, quotes, words alone', () => {
    const config = {
      as: 'logfmt',
      columns: { level: 'text', msg: 'text', took: 'double precision', cached: 'bool', no: 'text' },
    };
    expect(parsed(config, 'level=info msg="it \\"works\\"\\n" cached took=0.25')).toEqual({
      level: 'info',
      msg: 'it "works"\n',
      took: 0.25,
      cached: true,
      no: null,
    });
    expect(() => parsed(config, 'just some words')).toThrow('not of this form');
  });

  test('regex: groups in order, in linear time', () => {
    const config = {
      as: 'regex',
      pattern: '^(\\w+) (?:took )?(\\d+)(ms)?$',
      columns: { what: 'text', n: 'int', unit: 'text' },
    };
    expect(parsed(config, 'query took 12')).toEqual({ what: 'query', n: 12, unit: null });
    const bomb = { as: 'regex', pattern: '^((a+)+)b$', columns: ['all', 'last'] };
    expect(() => parsed(bomb, 'a'.repeat(5_000))).toThrow('not of this form');
  });

  test('nginx: the combined log', () => {
    expect(parsed({ as: 'nginx' }, NGINX)).toEqual({
      remote_addr: '203.0.113.9',
      remote_user: 'bob',
      time: '2024-10-10T11:55:36.000000Z',
      method: 'GET',
      path: '/a?b=\\"c',
      protocol: 'HTTP/1.1',
      status: 200,
      bytes: 2326n,
      referer: null,
      user_agent: 'Mozilla/5.0 (X11; \\x22)',
    });
    expect(parsed({ as: 'nginx' }, '::1 - - [10/Oct/2024:13:55:36 +0000] "\\x16\\x03" 400 0 "-" "-"')).toMatchObject({
      method: null,
      path: '\\x16\\x03',
    });
  });

  test('syslog: both forms', () => {
    const old = '<34>Oct 11 22:14:15 mymachine su[231]: failed for lonvick';
    expect(parsed({ as: 'syslog' }, old)).toMatchObject({
      facility: 4,
      severity: 2,
      host: 'mymachine',
      app: 'su',
      process: '231',
    });
    const line = '<165>1 2003-10-11T22:14:15.003Z host app - ID47 [x@1 a="\\]b"][y@1] \ufeffgone';
    expect(parsed({ as: 'syslog' }, line)).toMatchObject({
      facility: 20,
      time: '2003-10-11T22:14:15.003Z',
      process: null,
      message_id: 'ID47',
      data: '[x@1 a="\\]b"][y@1]',
      message: 'gone',
    });
    expect(() => parsed({ as: 'syslog' }, '<999>1 - - - - - -')).toThrow('not of this form');
  });

  test('a hostile text takes no longer than its length', () => {
    const started = performance.now();
    const long = 'a'.repeat(200_000);
    const texts = [
      `<1>1 - - - - - [${long}`,
      `<1>1 - - - - - ["${long}\\`,
      `a=1 b="${long}`,
      `${long} `,
      `1 - - [${long}] "`,
    ];
    for (const text of texts) {
      const config = { as: ['syslog', 'nginx', 'logfmt', 'json'], columns: ['a'], on_error: 'keep' };
      expect(parsed(config, text)).toMatchObject({ host: null });
    }
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  test('several formats are tried in order; what none reads is refused, or kept with NULLs', () => {
    const config = { as: ['nginx', 'json'], columns: { status: 'int', level: 'text' } };
    expect(parsed(config, NGINX)).toMatchObject({ status: 200, level: null, method: 'GET' });
    expect(parsed(config, '{"level": "info", "status": 3}')).toMatchObject({ status: 3, level: 'info', method: null });
    expect(() => parsed(config, 'neither')).toThrow('not of this form');
    expect(parsed({ ...config, on_error: 'keep' }, 'neither')).toMatchObject({ status: null, level: null });
    expect(parsed({ ...JSON_COLUMNS, on_error: 'keep' }, '{"status": "many", "path": "/"}')).toMatchObject({
      status: null,
      path: '/',
    });
    expect(() => parsed(JSON_COLUMNS, '{"status": "many"}')).toThrow('is not a value of type integer');
  });

  test('NULL gives NULLs; invariant 9: a text that was not sent gives columns that were not sent', () => {
    expect(parsed(JSON_COLUMNS, null)).toMatchObject({ path: null, status: null });
    const { after } = apply(LINES, [{ parse: { from: 'line', ...JSON_COLUMNS } }], {
      op: 'update',
      version: 1,
      after: [1n, NOT_SENT],
    });
    expect(object(after)).toEqual({ id: 1n });
  });
});

describe('flatten', () => {
  const PEOPLE = table('people', [
    column('id', 'int64', 'bigint', { key: 1 }),
    column('address', 'json', 'jsonb'),
    column('name', 'text', 'text'),
  ]);
  const steps = [{ flatten: { address: { street: 'text', zip: 'int', geo: 'jsonb' } } }];
  const flat = (address: string | null) =>
    apply(PEOPLE, steps, { op: 'insert', version: 1, after: [1n, address, 'x'] });

  test('fields of JSON become columns in its place', () => {
    const { after, table: output } = flat('{"zip": 8001, "street": "A \\u00e4", "geo": {"b": 1, "a": 2}, "more": 1}');
    expect(Object.entries(object(after)!)).toEqual([
      ['id', 1n],
      ['address_street', 'A ä'],
      ['address_zip', 8001],
      ['address_geo', '{"a": 2, "b": 1}'],
      ['name', 'x'],
    ]);
    expect(output.columns.map(({ native }) => native)).toEqual(['bigint', 'text', 'integer', 'jsonb', 'text']);
  });

  test('what is absent or no object is NULL; a value of another type is refused', () => {
    const nothing = { id: 1n, address_street: null, address_zip: null, address_geo: null, name: 'x' };
    for (const address of [null, '{}', '[1]', '"text"', '{"zip": null}'])
      expect(object(flat(address).after)).toEqual(nothing);
    expect(() => flat('{"zip": "many"}')).toThrow('is not a value of type integer');
  });

  test.each([
    [{ address: { street: 'txt' } }, 'address.street unknown-type'],
    [{ address: [] }, 'address step-argument'],
    [{ id: ['a'] }, 'id key-column'],
    [{ adress: ['a'] }, 'adress unknown-column'],
    [{ address: ['a', 'a'] }, 'address.1 duplicate-column'],
  ])('wrong: %j', (config, expected) => {
    const [problem] = rules.lintTables([{ steps: [{ verb: 'flatten', config, path: [0] }], table: PEOPLE }]);
    expect(`${problem!.path.slice(2).join('.')} ${problem!.code}`).toBe(expected);
  });
});

test.each([
  [{ as: 'json', columns: ['a'] }, '0.parse step-argument: "from" must name'],
  [
    { from: 'lin', as: 'json', columns: ['a'] },
    '0.parse.from unknown-column: there is no column "lin" → did you mean "line"?',
  ],
  [{ from: 'id', as: 'json', columns: ['a'] }, '0.parse.from type-mismatch: column "id" is bigint, not text'],
  [
    { from: 'line', as: 'jsn', columns: ['a'] },
    '0.parse.as step-argument: "as" must say how the text is read → did you mean "json"?',
  ],
  [{ from: 'line', as: 'json' }, '0.parse step-argument: "columns" must name'],
  [{ from: 'line', as: 'json', columns: { a: 'intt' } }, '0.parse.columns.a unknown-type:'],
  [{ from: 'line', as: 'json', columns: ['a', 'a'] }, '0.parse.columns.1 duplicate-column: column "a" is named twice'],
  [{ from: 'line', as: 'json', columns: { id: 'int' } }, '0.parse.columns.id duplicate-column:'],
  [{ from: 'line', as: 'csv', columns: ['a'], separator: 'ab' }, '0.parse.separator step-argument: one character'],
  [{ from: 'line', as: 'regex', columns: ['a'] }, '0.parse step-argument: "regex" needs a "pattern"'],
  [{ from: 'line', as: 'regex', columns: ['a'], pattern: '(a' }, '0.parse.pattern step-argument: a pattern has a "("'],
  [
    { from: 'line', as: 'regex', columns: ['a'], pattern: 'a' },
    '0.parse.pattern step-argument: the pattern has 0 groups, and there are 1 columns',
  ],
  [
    { from: 'line', as: 'json', columns: ['a'], colums: 1 },
    '0.parse.colums unknown-key: "parse" has no "colums" → did you mean "columns"?',
  ],
  [{ from: 'line', as: 'json', columns: ['a'], on_error: 'drop' }, '0.parse.on_error step-argument: "fail" or "keep"'],
])('wrong: %j', (config, expected) => {
  const uses = [{ steps: steps({ parse: config }), table: LINES }];
  const [problem] = rules.lintTables(uses).filter(({ level }) => level === 'error');
  const { path, code, message, fix } = problem!;
  expect(
    `${path.slice(1).join('.')} ${code}: ${message}${fix === undefined ? '' : ` → ${fix}`}`.startsWith(expected),
  ).toBe(true);
});

test.each([
  ['203.0.113.77', '203.0.113.0'],
  ['203.0.113.77/32', '203.0.113.0'],
  ['2001:DB8:0:1:2:3:4:5', '2001:db8::'],
  ['2001:db8:1:2::5', '2001:db8:1::'],
  ['::1', '::'],
  ['::ffff:10.1.2.3', '::ffff:10.1.2.0'],
  ['fe80::1%eth0', 'fe80::'],
  ['bob@example.org', '****'],
  ['', '****'],
])('mask: %s is anonymized as %s', (text, expected) => {
  const { after } = apply(LINES, [{ mask: { line: 'anonymize' } }], { op: 'insert', version: 1, after: [1n, text] });
  expect(object(after)).toEqual({ id: 1n, line: expected });
});
