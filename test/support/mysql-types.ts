/** Types of MySQL and MariaDB with values at their edges, and the canonical text that is expected of each. */
import type { MysqlFlavor } from '../../demo/servers/mysql-binaries.ts';

export interface MysqlTypeCase {
  readonly type: string;
  /** SQL expression → canonical text. */
  readonly values: readonly (readonly [sql: string, text: string])[];
  /** Absent: both. */
  readonly only?: MysqlFlavor;
}

const same = (...texts: string[]) => texts.map((text) => [`'${text.replaceAll("'", "''")}'`, text] as const);
const numbers = (...texts: string[]) => texts.map((text) => [text, text] as const);
const of = (type: string, values: MysqlTypeCase['values'], only?: MysqlFlavor): MysqlTypeCase => ({
  type,
  values,
  ...(only === undefined ? {} : { only }),
});
const base64 = (hex: string) => [`X'${hex}'`, Buffer.from(hex, 'hex').toString('base64')] as const;

const NINES = '9'.repeat(35);
const FRACTION = `0.${'0'.repeat(29)}1`;
const ALL_BYTES = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0')).join('');

const whole: readonly MysqlTypeCase[] = [
  of('tinyint', numbers('-128', '0', '127')),
  of('tinyint unsigned', numbers('0', '255')),
  of('tinyint(1)', numbers('0', '1', '-5')),
  of('tinyint(4) zerofill', [
    ['7', '7'],
    ['0', '0'],
    ['255', '255'],
  ]),
  of('smallint', numbers('-32768', '32767')),
  of('smallint unsigned', numbers('65535')),
  of('mediumint', numbers('-8388608', '8388607', '-1')),
  of('mediumint unsigned', numbers('16777215')),
  of('int', numbers('-2147483648', '2147483647', '-1', '10', '99', '100')),
  of('int unsigned', numbers('4294967295')),
  of('int(10) unsigned zerofill', [
    ['42', '42'],
    ['0', '0'],
  ]),
  of(
    'bigint',
    numbers(
      '-9223372036854775808',
      '9223372036854775807',
      '-1',
      '9007199254740993',
      '-9007199254740993',
      '9007199254740991',
    ),
  ),
  of('bigint unsigned', numbers('18446744073709551615', '9223372036854775808', '0', '9007199254740992')),
  of('bool', numbers('0', '1')),
  of('year', [
    ['0', '0'],
    ['1901', '1901'],
    ['2155', '2155'],
    ['2024', '2024'],
  ]),
  of('bit(1)', [
    ["b'0'", '0'],
    ["b'1'", '1'],
  ]),
  of('bit(9)', [["b'100000001'", '100000001']]),
  of('bit(64)', [
    ["b'1'", '1'.padStart(64, '0')],
    ['18446744073709551615', '1'.repeat(64)],
  ]),
];

const fractions: readonly MysqlTypeCase[] = [
  of('decimal(10,2)', [
    ['-0.50', '-0.50'],
    ['12345678.91', '12345678.91'],
    ['0', '0.00'],
    ['-12345678.91', '-12345678.91'],
  ]),
  of('decimal(65,30)', [
    [`${NINES}.${'9'.repeat(30)}`, `${NINES}.${'9'.repeat(30)}`],
    [FRACTION, FRACTION],
    [`-${FRACTION}`, `-${FRACTION}`],
  ]),
  of('decimal(9,9)', [
    ['0.123456789', '0.123456789'],
    ['-0.1', '-0.100000000'],
  ]),
  of('decimal(18,9)', [['-999999999.999999999', '-999999999.999999999']]),
  of('decimal(5,0)', [
    ['-12345', '-12345'],
    ['0', '0'],
    ['7', '7'],
  ]),
  of('decimal(20,3) unsigned zerofill', [['1.5', '1.500']]),
  of('float', [
    ['1.1', '1.1'],
    ['16777216', '16777216'],
    ['3.40282347e38', '3.4028235e+38'],
    ['1e-45', '1e-45'],
    ['123456.789', '123456.79'],
    ['0.1', '0.1'],
  ]),
  of('float unsigned', [['2.5', '2.5']]),
  of('float(7,2)', [
    ['12345.67', '12345.67'],
    ['0.1', '0.1'],
  ]),
  of('double', [
    ['1.1', '1.1'],
    ['1.7976931348623157e308', '1.7976931348623157e+308'],
    ['5e-324', '5e-324'],
    ['0.1e0+0.2e0', '0.30000000000000004'],
    ['123456789012345680', '123456789012345680'],
  ]),
  of('double default 1', [["'-0'", '-0']], 'mysql'),
  of('double(20,5)', [['1234567890.12345', '1234567890.12345']]),
];

/** A fraction of so many digits. */
const second = (digits: number) => (digits === 0 ? '' : `.${'987654'.slice(0, digits)}`);
const cut = (before: string, digits: number) => `${before}.${'987654'.slice(0, digits).padEnd(6, '0')}`;

const times: readonly MysqlTypeCase[] = [
  of('date', same('2024-02-29', '0000-00-00', '9999-12-31', '1000-01-01', '2024-00-00')),
  ...([0, 1, 3, 6] as const).map((digits) =>
    of(`datetime(${digits})`, [
      ["'2024-02-29 12:34:56'", '2024-02-29T12:34:56.000000'],
      ["'0000-00-00 00:00:00'", '0000-00-00T00:00:00.000000'],
      ["'9999-12-31 23:59:59'", '9999-12-31T23:59:59.000000'],
      [`'2024-01-01 00:00:00${second(digits)}'`, cut('2024-01-01T00:00:00', digits)],
    ]),
  ),
  ...([0, 2, 5, 6] as const).map((digits) =>
    of(`timestamp(${digits}) null`, [
      ["'2024-02-29 12:34:56'", '2024-02-29T12:34:56.000000Z'],
      ["'0000-00-00 00:00:00'", '0000-00-00T00:00:00.000000Z'],
      ["'1970-01-01 00:00:01'", '1970-01-01T00:00:01.000000Z'],
      ["'2038-01-19 03:14:07'", '2038-01-19T03:14:07.000000Z'],
      [`'2026-10-25 00:30:00${second(digits)}'`, `${cut('2026-10-25T00:30:00', digits)}Z`],
    ]),
  ),
  ...([0, 1, 2, 4, 6] as const).map((digits) =>
    of(`time(${digits})`, [
      ["'12:34:56'", '12:34:56.000000'],
      ["'-838:59:59'", '-838:59:59.000000'],
      ["'838:59:58'", '838:59:58.000000'],
      ["'00:00:00'", '00:00:00.000000'],
      ["'-00:00:01'", '-00:00:01.000000'],
      [`'-00:01:00${second(digits)}'`, `-${cut('00:01:00', digits)}`],
      [`'25:00:00${second(digits)}'`, cut('25:00:00', digits)],
    ]),
  ),
];

const texts: readonly MysqlTypeCase[] = [
  of('char(5)', [
    ["'ab   '", 'ab'],
    ["''", ''],
    ["'héé€😀'", 'héé€😀'],
  ]),
  of('char(255)', [["repeat('é', 255)", 'é'.repeat(255)]]),
  of('varchar(20)', [
    ["'ab   '", 'ab   '],
    ["'it''s \"\\\\ \\n'", 'it\'s "\\ \n'],
    ["'😀'", '😀'],
  ]),
  of('varchar(300)', [["repeat('x', 300)", 'x'.repeat(300)]]),
  of('varchar(16000)', [["repeat('é', 16000)", 'é'.repeat(16000)]]),
  of('tinytext', same('', 'tiny')),
  of('text', [["repeat('text', 10000)", 'text'.repeat(10000)]]),
  of('mediumtext', [["repeat('m', 70000)", 'm'.repeat(70000)]]),
  of('longtext', same('long')),
  of('varchar(50) character set latin1', same('héllo €', 'ÿ')),
  of('char(10) character set latin2', same('čšž')),
  of('varchar(50) character set cp1251', same('Привет')),
  of('varchar(50) character set utf8mb3', same('héé€')),
  of('varchar(50) character set ucs2', same('h€é')),
  of('varchar(50) character set utf16', same('h€😀')),
  of('varchar(50) character set utf16le', same('h€😀')),
  of('varchar(50) character set utf32', same('h€😀')),
  of('varchar(50) character set gbk', same('中文 abc')),
  of('varchar(50) character set sjis', same('日本語 ｱｲ abc')),
  of('varchar(50) character set cp932', same('日本語 ①')),
  of('varchar(50) character set big5', same('中文')),
  of('varchar(50) character set euckr', same('한국어')),
  of('text character set koi8r', same('Привет')),
  of('varchar(50) character set ascii', same('plain')),
  of("enum('a','it''s','ü, \"x\"')", [
    ["'it''s'", "it's"],
    ['\'ü, "x"\'', 'ü, "x"'],
    ["''", ''],
    ['1', 'a'],
  ]),
  of("enum('é','b') character set latin1", [["'é'", 'é']]),
  of(`enum(${Array.from({ length: 300 }, (_, i) => `'l${i}'`).join(',')})`, [["'l299'", 'l299']]),
  of("set('a','b','c d')", [
    ["'a,c d'", 'a,c d'],
    ["''", ''],
    ["'b'", 'b'],
  ]),
  of(`set(${Array.from({ length: 64 }, (_, i) => `'m${i}'`).join(',')})`, [["'m0,m63'", 'm0,m63']]),
];

const bytes: readonly MysqlTypeCase[] = [
  of('binary(4)', [
    ["X'00ff0000'", 'AP8AAA=='],
    ["X'61'", 'YQAAAA=='],
    ["X'00000000'", 'AAAAAA=='],
  ]),
  of('binary(255)', [["X'01'", Buffer.concat([Buffer.from([1]), Buffer.alloc(254)]).toString('base64')]]),
  of('varbinary(10)', [base64(''), base64('00ff00')]),
  of('varbinary(300)', [base64(ALL_BYTES)]),
  of('tinyblob', [base64('00')]),
  of('blob', [base64(ALL_BYTES)]),
  of('mediumblob', [["repeat(X'00ff', 40000)", Buffer.from('00ff'.repeat(40000), 'hex').toString('base64')]]),
  of('longblob', [base64('de')]),
];

const POINT_EWKB = `0101000000${'000000000000F03F'}${'0000000000000040'}`;
const shapes: readonly MysqlTypeCase[] = [
  of('geometry', [["ST_GeomFromText('POINT(1 2)')", POINT_EWKB]]),
  of('point', [
    ["ST_GeomFromText('POINT(1 2)')", POINT_EWKB],
    ["ST_GeomFromText('POINT(1 2)', 3857)", POINT_EWKB.replace('0101000000', '0101000020110F0000')],
  ]),
  of('linestring', [
    ["ST_GeomFromText('LINESTRING(0 0, 1 1)')", `010200000002000000${'0'.repeat(32)}${'000000000000F03F'.repeat(2)}`],
  ]),
  of('geometrycollection', [["ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 2))')", `010700000001000000${POINT_EWKB}`]]),
];

const JSON_TEXT = '{"a": [1, -2, 18446744073709551615, 1.5, 1e100, true, null], "ü😀": {"x": "q\\"\\\\\\n\\u0001"}}';
const documents: readonly MysqlTypeCase[] = [
  of(
    'json',
    [
      [`'${JSON_TEXT.replaceAll('\\', '\\\\')}'`, JSON_TEXT],
      ["'[]'", '[]'],
      ["'{}'", '{}'],
      ["'null'", 'null'],
      ['\'""\'', '""'],
      ["'1.0'", '1.0'],
      ["'-0.0'", '-0.0'],
      ["'9223372036854775808'", '9223372036854775808'],
      ["'65536'", '65536'],
      ["'-32769'", '-32769'],
      ["'12345678901234567890123'", '1.2345678901234568e22'],
      ["'1e15'", '1e15'],
      ["'123456789012345.5'", '123456789012345.5'],
      ["'0.00001'", '0.00001'],
      ["'1e-16'", '1e-16'],
      ['cast(cast(12.340 as decimal(10,3)) as json)', '12.340'],
      ['cast(-1234567890123456789012345678901234567890.5 as json)', '-1234567890123456789012345678901234567890.5'],
      ["cast(date'2024-02-29' as json)", '"2024-02-29"'],
      ["cast(time'-23:24:25.12' as json)", '"-23:24:25.120000"'],
      ["cast(timestamp'2024-02-29 12:00:00.5' as json)", '"2024-02-29 12:00:00.500000"'],
      ["json_array(X'00ff')", '["base64:type15:AP8="]'],
      ["json_array(repeat('x', 70000))", `["${'x'.repeat(70000)}"]`],
      [
        "json_object('k', json_array(70000, -70000, 3000000000), 'y', repeat('y', 70000))",
        `{"k": [70000, -70000, 3000000000], "y": "${'y'.repeat(70000)}"}`,
      ],
    ],
    'mysql',
  ),
  of(
    'json',
    [
      ['\'{"a":  1}\'', '{"a":  1}'],
      ["'[1.10, 18446744073709551616]'", '[1.10, 18446744073709551616]'],
    ],
    'mariadb',
  ),
  of('vector(3)', [["string_to_vector('[1,-2.5,0.1]')", '[1,-2.5,0.1]']], 'mysql'),
];

const all = [...whole, ...fractions, ...times, ...texts, ...bytes, ...shapes, ...documents];

export const mysqlTypeCases = (flavor: MysqlFlavor): readonly MysqlTypeCase[] =>
  all.filter(({ only }) => only === undefined || only === flavor);
