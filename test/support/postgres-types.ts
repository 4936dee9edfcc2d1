/**
 * Types of PostgreSQL with values at their edges, and what PostgreSQL itself says of each value in another way than by its
 * output function: the independent expectation for the source's canonical text.
 */

export interface TypeCase {
  readonly type: string;
  /** SQL expressions, cast to the type. */
  readonly values: readonly string[];
  /** First major version that has such values. */
  readonly since?: number;
  /** SQL text of the canonical form of the column `v`. */
  readonly canonical: string;
  /** For arrays: canonical form of one element that PostgreSQL cast to text. The column is then compared as JSON. */
  readonly element?: (text: string) => unknown;
}

/** Types that the cases need. */
export const TYPES_DDL = `
  create extension citext; create extension hstore; create extension ltree; create extension cube; create extension isn;
  create extension seg; create extension intarray;
  create type mood as enum ('sad', 'ok', 'it''s "fine", \\ {really}', 'NULL', 'é');
  create domain small as int2 check (value < 100); create domain smaller as small check (value < 50);
  create domain raw as bytea; create domain stamps as timestamptz[]; create domain moody as mood;
  create domain filled as text check (length(value) < 3); create domain span as int4range;
  create type pair as (n int, "a text" text, at timestamp, data bytea);
  create type nested as (p pair, list text[]);
  create domain pairs as pair[]; create domain couple as pair check ((value).n is distinct from 13);
  create type floatrange as range (subtype = float8); create schema "Other, schema";
  create type "Other, schema"."Type" as enum ('x', 'y');`;

const TEXT = 'v::text';
/** to_char writes BC years as positive ones. */
const timestamp = (zone: string) =>
  `case when isfinite(v) then to_char(v, 'YYYY') || to_char(v, '-MM-DD"T"HH24:MI:SS.US') || '${zone}' ||
     case when extract(year from v) < 0 then ' BC' else '' end else v::text end`;
const BASE64 = `translate(encode(v, 'base64'), E'\\n', '')`;
const BOOL = `case v when true then 'true' when false then 'false' end`;
const TIME = `to_char(v, 'HH24:MI:SS.US')`;

const texts = [
  `''`,
  `' '`,
  `'NULL'`,
  `'null'`,
  `E'\\\\N'`,
  `E'\\\\.'`,
  `E'tab\\there'`,
  `E'line\\nfeed\\rreturn'`,
  `E'back\\\\slash\\\\\\\\'`,
  `'"double" ''single'''`,
  `E'\\x01\\x02\\b\\f\\x0b\\x1b\\x1f\\x7f'`,
  `'é漢字'`,
  `'𝒳😀'`,
  `U&'\\2028\\2029\\feff\\200e'`,
  `'{a,b}[1:2]={x}'`,
  `repeat(E'x\\t', 40000)`,
  `E'\\t'`,
  `E'\\\\'`,
  `E'a\\\\tb\\\\x41\\\\101'`,
];

const scalar = (type: string, values: readonly string[], canonical = TEXT): TypeCase => ({
  type,
  values: values.map((value) => `(${value})::${type}`),
  canonical,
});

const literals = (type: string, values: readonly string[], canonical = TEXT): TypeCase =>
  scalar(
    type,
    values.map((value) => `'${value.replaceAll("'", "''")}'`),
    canonical,
  );

const numbers: readonly TypeCase[] = [
  literals('bool', ['t', 'f'], BOOL),
  literals('int2', ['0', '-1', '32767', '-32768']),
  literals('int4', ['0', '2147483647', '-2147483648']),
  literals('int8', ['0', '9007199254740993', '9223372036854775807', '-9223372036854775808']),
  literals('float4', [
    '0',
    '-0',
    'NaN',
    'Infinity',
    '-Infinity',
    '3.4028235e38',
    '1e-45',
    '1.1754944e-38',
    '0.1',
    '16777217',
  ]),
  literals('float8', [
    '0',
    '-0',
    'NaN',
    'Infinity',
    '-Infinity',
    '1.7976931348623157e308',
    '5e-324',
    '0.1',
    '1e15',
    '1e16',
    '-1e-5',
    '123456789012345680',
  ]),
  literals('numeric', [
    '0',
    'NaN',
    'Infinity',
    '-Infinity',
    '0.00',
    '1.10',
    '-0.5',
    `1${'0'.repeat(200)}.${'0'.repeat(99)}1`,
    '1e-50',
    '12345678901234567890.123456789',
  ]),
  literals('numeric(10,2)', ['1', '-99999999.99', '0.005', 'NaN']),
  { ...literals('numeric(3,-2)', ['12345', '-99949', '0']), since: 15 },
  { ...literals('numeric(3,5)', ['0.00123', '-0.00999']), since: 15 },
  literals('money', ['0', '-92233720368547758.08', '92233720368547758.07', '1234.5']),
  literals('oid', ['0', '4294967295']),
  literals('xid8', ['18446744073709551615']),
  literals('pg_lsn', ['16/B374D848']),
  literals('numeric(1000,500)', [`${'9'.repeat(500)}.${'0'.repeat(499)}1`, '-1']),
  literals('numeric(1,0)', ['9', '-9', 'NaN']),
  literals('xid', ['0', '4294967295']),
  literals('cid', ['4294967295']),
  literals('tid', ['(4294967295,65535)', '(0,0)']),
];

const characters: readonly TypeCase[] = [
  scalar('text', texts),
  scalar('varchar', texts),
  scalar('varchar(5)', [`''`, `'ab  '`, `'é漢字x'`, `'12345'`]),
  // The cast to text drops the padding that the value has.
  scalar('char(7)', [`''`, `'ab'`, `'é漢'`, `E'a\\tb'`, `'1234567'`], `rpad(v::text, 7)`),
  literals('"char"', ['a', '', '\\', '\\200']),
  literals('name', ['pg_catalog', '']),
  scalar('citext', texts),
  literals('bytea', ['', '\\x00', '\\x00ff0a0d5c27', '\\xdeadbeef'], BASE64),
  scalar('raw', [`decode(repeat('00ff5c', 30000) || 'ab', 'hex')`, `''`], BASE64),
  literals('bit(1)', ['0', '1']),
  literals('bit(11)', ['00000000000', '10101010101']),
  literals('varbit', ['', '1', '1010']),
  literals('varbit(70)', ['', '1'.repeat(70), `0${'10'.repeat(33)}`]),
  literals('uuid', ['A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', '00000000-0000-0000-0000-000000000000']),
  literals('mood', ['sad', `it's "fine", \\ {really}`, 'NULL', 'é']),
  literals('moody', ['sad', 'NULL']),
  literals('smaller', ['-32768', '49']),
  literals('"Other, schema"."Type"', ['x', 'y']),
];

const DATES = ['infinity', '-infinity', '0001-01-01', '0001-12-31 BC', '4713-11-24 BC', '2000-02-29', '5874897-12-31'];
const STAMPS = [
  'infinity',
  '-infinity',
  '2024-02-29 23:59:59.999999',
  '2024-02-29 00:00:00',
  '1999-12-31 12:00:00.5',
  '0044-03-15 12:00:00.000001 BC',
  '4713-11-24 00:00:00 BC',
  '294276-12-31 23:59:59.999999',
  '0001-01-01 00:00:00',
  '12345-06-07 08:09:10.1',
];

const times: readonly TypeCase[] = [
  literals('date', DATES),
  literals(
    'time',
    ['00:00:00', '24:00:00', '23:59:59.999999', '12:00:00.1', '01:02:03.04'],
    `case when v = '24:00' then '24:00:00.000000' else ${TIME} end`,
  ),
  literals('time(0)', ['12:34:56.7', '00:00:00'], TIME),
  literals(
    'timetz',
    [
      '00:00:00+00',
      '24:00:00-15:59',
      '12:00:00.1+05:30',
      '12:00:00-03:30:15',
      '23:59:59.999999+15:59:59',
      '08:00:00-08',
    ],
    // The zone is what follows the time in the text.
    `case when v::text like '24:%' then '24:00:00.000000' else to_char(v::time, 'HH24:MI:SS.US') end || substring(v::text from '[+-].*$')`,
  ),
  literals('timestamp', STAMPS, timestamp('')),
  literals('time(3)', ['12:34:56.7891', '23:59:59.9994'], TIME),
  literals('timestamp(0)', ['1999-12-31 23:59:59.5', '0044-03-15 12:00:00 BC'], timestamp('')),
  literals('timestamptz(2)', ['2024-02-29 12:00:00.125+02', 'infinity'], timestamp('Z')),
  literals('interval year to month', ['1 year 2 mons', '-178956970 years -8 mons']),
  literals('interval day to second(3)', ['-3 days +04:05:06.7891', '0.0004 s']),
  literals('timestamp(3)', ['2024-02-29 12:00:00.1239', '2024-02-29 12:00:00'], timestamp('')),
  literals(
    'timestamptz',
    [...STAMPS, '2024-06-01 12:00:00+05:45', '0001-01-01 00:00:00+01', '2024-06-01 00:00:00.000001-12'],
    timestamp('Z'),
  ),
  literals('interval', [
    '0',
    '1 year 2 mons 3 days 04:05:06.789',
    '-1 year +2 days',
    '-0.000001 s',
    '178000000 years',
    '-178000000 years',
    '1 mon -1 day 00:00:01',
    '100:59:59.5',
  ]),
  { ...literals('interval', ['infinity', '-infinity']), since: 17 },
];

const structures: readonly TypeCase[] = [
  literals('json', [
    '{"a": 12345678901234567890.12345, "b":  [1e400, null]}',
    '"\\u0000"',
    '{"k":1,"k":2}',
    ' null ',
    '"tab\\t"',
    '[]',
  ]),
  literals('jsonb', [
    '{"a": 12345678901234567890.12345, "b": [1.10, null, 9007199254740993]}',
    '"é\\u2028\\n\\\\"',
    '{}',
    'null',
    '1e100',
  ]),
  literals('pair', ['(1,"a ""b"", \\\\c","2024-02-29 12:00:00","\\\\x00ff")', '(,,,)', '(-1,"","infinity",)']),
  literals('nested', ['("(1,x,,)","{a,NULL,""b c""}")', '(,{})']),
  literals('int4range', ['empty', '[1,10)', '(,5]', '(,)']),
  literals('numrange', ['[1.10,2.20]', '(NaN,)', 'empty']),
  literals('tstzrange', ['["2024-01-01 00:00:00+02","infinity")', '(,"2024-01-01 00:00:00.5+00"]']),
  literals('daterange', ['[2024-01-01,2024-02-01)', '[-infinity,infinity]']),
  literals('floatrange', ['[0.1,Infinity]']),
  literals('int4multirange', ['{}', '{[1,3),[5,7)}']),
  literals('int8range', ['[-9223372036854775808,9223372036854775807)', '(,)', 'empty']),
  literals('tsrange', ['["2024-01-01 00:00:00.000001","infinity")', '(,"0044-03-15 00:00:00 BC"]', 'empty']),
  literals('int8multirange', ['{(,-5),[7,)}', '{}']),
  literals('nummultirange', ['{[1.10,2.20],(NaN,)}', '{}']),
  literals('tsmultirange', ['{["2024-01-01 00:00:00.5","2024-01-02 00:00:00")}']),
  literals('datemultirange', ['{[2024-01-01,2024-02-01),[2025-01-01,infinity)}', '{}']),
  literals('span', ['[1,10)', 'empty']),
  literals('couple', ['(1,"a ""b""",,)', '(,,,)']),
  literals('tstzmultirange', ['{["2024-01-01 00:00:00+00","2024-01-02 00:00:00+00")}']),
  literals('inet', ['192.168.1.5/24', '::ffff:1.2.3.4', '10.0.0.1', '2001:db8::/32'], 'abbrev(v)'),
  literals('cidr', ['192.168.0.0/16', '2001:db8::/32', '10.0.0.1']),
  literals('macaddr', ['08:00:2b:01:02:03']),
  literals('macaddr8', ['08:00:2b:01:02:03:04:05']),
  literals('tsvector', [`a:1A,2 'it''s':3 'back\\\\slash':4`, '']),
  literals('tsquery', [`'fat' & ( 'rat':A | !'cat' )`]),
  literals('point', ['(1.5,-2)', '(NaN,Infinity)']),
  literals('line', ['{1,2,3}']),
  literals('lseg', ['[(0,0),(1,1)]']),
  literals('box', ['(1,1),(0,0)']),
  literals('path', ['[(0,0),(1,1)]', '((0,0),(1,1),(1,0))']),
  literals('polygon', ['((0,0),(1,1),(1,0))']),
  literals('circle', ['<(0,0),1.5>']),
  literals('hstore', ['"a"=>"1", "b c"=>NULL, "q\\"uote"=>"back\\\\slash"', '']),
  literals('ltree', ['top.science.astronomy', '']),
  literals('cube', ['(1, 2),(3, 4)']),
  literals('isbn13', ['978-0-393-04002-9']),
  literals('seg', ['1.50 .. 2.5', '<5', '~3 .. 4']),
  literals('query_int', ['1&(2|!3)']),
  literals('lquery', ['Top.*{1,3}.!a|b*@']),
  literals('ltxtquery', ['Europe & Russia*@ & !Transport']),
  literals('jsonpath', ['strict $."a b"[*]?(@.x > 1.10 && @ like_regex "^é")']),
  literals('int2vector', ['1 2 3', '']),
  literals('pg_snapshot', ['10:20:10,14,15']),
  literals('regtype', ['int4']),
  literals('regproc', ['now', '0']),
  literals('regprocedure', ['lower(text)']),
  literals('regoperator', ['+(integer,integer)']),
  literals('regclass', ['pg_class', 'pg_catalog.pg_type']),
  literals('regnamespace', ['"Other, schema"', 'pg_catalog']),
  literals('regrole', ['postgres']),
  literals('regconfig', ['simple']),
  literals('regdictionary', ['simple']),
  literals('refcursor', ['a cursor', '']),
  literals('oidvector', ['23 4294967295', '']),
  literals('aclitem', ['postgres=arwd/postgres']),
];

const SAME = (text: string) => text;
const RAW = (text: string): unknown => new RawJson(text);
const FLOAT = (text: string): unknown => (/^-?\d/.test(text) ? new RawJson(text) : text);
const BYTES = (text: string) => Buffer.from(text.slice(2), 'hex').toString('base64');
const CLOCK = (text: string) =>
  text.replace(/^(\d+:\d\d:\d\d)(?:\.(\d+))?/, (_, time, digits = '') => `${time}.${digits.padEnd(6, '0')}`);
const STAMP = (zone: string) => (text: string) => {
  const parts = /^(\d+-\d\d-\d\d) ([\d:]+)(?:\.(\d+))?(?:\+00)?( BC)?$/.exec(text);
  return parts === null ? text : `${parts[1]}T${parts[2]}.${(parts[3] ?? '').padEnd(6, '0')}${zone}${parts[4] ?? ''}`;
};

/** A number as its digits stand in JSON text. */
export class RawJson {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Whole values of the element type, one-dimensional, empty, with NULLs, nested and with other bounds. */
function arrays(type: string, elements: readonly string[], element: (text: string) => unknown): TypeCase {
  const list = (items: readonly string[]) => `array[${items.join(', ')}]::${type}[]`;
  const cast = elements.map((item) => `(${item})::${type}`);
  return {
    type: `${type}[]`,
    values: [
      list(cast),
      list([]),
      list(['null']),
      list([...cast, 'null', cast[0]!]),
      `array[array[array[${cast[0]}, null]], array[array[null, ${cast.at(-1)}]]]::${type}[]`,
      `array_fill((${cast[0]})::${type}, array[2, 1], array[0, -3])`,
    ],
    canonical: 'to_json(v::text[])::text',
    element,
  };
}

const quoted = (values: readonly string[]) => values.map((value) => `'${value.replaceAll("'", "''")}'`);

const arrayTypes: readonly TypeCase[] = [
  arrays('bool', ['true', 'false'], RAW),
  arrays('int2', ['32767', '-32768'], RAW),
  arrays('int4', ['2147483647', '0'], RAW),
  arrays('int8', ['9223372036854775807', '9007199254740993'], RAW),
  arrays('oid', ['4294967295'], RAW),
  arrays('float4', quoted(['NaN', '-Infinity', '0.1', '-0', '1e-45']), FLOAT),
  arrays('float8', quoted(['NaN', 'Infinity', '5e-324', '-1e300']), FLOAT),
  arrays('numeric', quoted(['NaN', '-Infinity', '1.10', '123456789012345678901234567890.5']), SAME),
  arrays('text', texts, SAME),
  arrays('varchar(20)', [`''`, `'NULL'`, `'a,b}{"'`], SAME),
  arrays('char(3)', [`'a'`], (text) => text.padEnd(3)),
  arrays('bytea', [`''`, `E'\\\\x00ff5c22'`], BYTES),
  arrays('date', quoted(['infinity', '0044-03-15 BC', '2024-02-29']), SAME),
  arrays('time', quoted(['24:00:00', '12:00:00.5']), CLOCK),
  arrays('timetz', quoted(['12:00:00.5+05:30', '00:00:00-15:59:59']), CLOCK),
  arrays('timestamp', quoted(STAMPS), STAMP('')),
  arrays('timestamptz', quoted(STAMPS), STAMP('Z')),
  arrays('interval', quoted(['1 year -3 days 04:05:06.7', '0']), SAME),
  arrays('uuid', quoted(['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11']), SAME),
  arrays('json', quoted(['{"a": [1, "x"]}', '"NULL"', 'null']), SAME),
  arrays('jsonb', quoted(['{"a": [1, "x,y}"]}', '9007199254740993']), SAME),
  arrays('mood', quoted([`it's "fine", \\ {really}`, 'NULL', 'sad']), SAME),
  arrays('moody', quoted(['NULL', 'é']), SAME),
  arrays('smaller', ['49', '-32768'], RAW),
  arrays('raw', [`E'\\\\x00ff'`, `''`], BYTES),
  arrays('pair', quoted(['(1,"a ""b"", \\\\c","2024-02-29 12:00:00","\\\\x00ff")', '(,,,)']), SAME),
  arrays('point', quoted(['(1,2)']), SAME),
  arrays('box', quoted(['(1,1),(0,0)', '(3,4),(1,2)']), SAME),
  arrays('inet', quoted(['10.0.0.1', '::1', '10.0.0.0/8']), (text) => text.replace(/\/(32|128)$/, '')),
  arrays('int4range', quoted(['empty', '[1,10)', '(,)']), SAME),
  arrays('int4multirange', quoted(['{[1,3),[5,7)}', '{}']), SAME),
  arrays('bit(3)', quoted(['101']), SAME),
  arrays('hstore', quoted(['"a"=>"1", "b"=>NULL']), SAME),
  arrays('citext', texts, SAME),
  arrays('"Other, schema"."Type"', quoted(['x']), SAME),
  arrays('name', quoted(['pg_catalog', '', 'NULL', 'a,b']), SAME),
  arrays('"char"', quoted(['a', '']), SAME),
  arrays('varbit', quoted(['', '101']), SAME),
  arrays('pg_lsn', quoted(['16/B374D848']), SAME),
  arrays('ltree', quoted(['top.science', '']), SAME),
  arrays('macaddr', quoted(['08:00:2b:01:02:03']), SAME),
  arrays('tsvector', quoted([`a:1A 'it''s':3`, '']), SAME),
  arrays('tstzrange', quoted(['["2024-01-01 00:00:00+02","infinity")', 'empty']), SAME),
  arrays('xid8', quoted(['18446744073709551615']), SAME),
  arrays('filled', quoted(['', 'ab']), SAME),
  {
    type: 'pairs',
    values: [`array['(1,"a,b",,)', null]::pairs`, `'{}'::pairs`],
    canonical: 'to_json(v::text[])::text',
    element: SAME,
  },
  arrays('money', quoted(['-1234.5']), SAME),
  {
    type: 'stamps',
    values: [`array['2024-02-29 12:00:00+02', 'infinity']::stamps`, `'{}'::stamps`],
    canonical: 'to_json(v::text[])::text',
    element: STAMP('Z'),
  },
];

const all: readonly TypeCase[] = [...numbers, ...characters, ...times, ...structures, ...arrayTypes];

/** @param major version of the server */
export const typeCases = (major: number) => all.filter(({ since = 0 }) => since <= major);
