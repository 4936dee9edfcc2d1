/** Random expressions that mean the same in rules and in PostgreSQL's SQL, over the table of `expression-rows.ts`. */
import type { Random } from '../../demo/shop/random.ts';

type Family = 'bool' | 'number' | 'exact' | 'text' | 'time' | 'uuid' | 'bytes' | 'enum' | 'clock' | 'json' | 'list';

const COLUMNS: Readonly<Record<Family, readonly string[]>> = {
  bool: ['b', 'b2'],
  number: ['s', 'i', 'i2', 'n', 'd', 'm', 'r', 'f'],
  exact: ['d', 'm'],
  text: ['t', 't2', 'v', 'c'],
  time: ['dt', 'ts', 'tz'],
  uuid: ['u'],
  bytes: ['y'],
  enum: ['e'],
  clock: ['tm'],
  json: ['j', 'jb', 'jb'],
  list: ['a', 'ia'],
};

const LITERALS: Readonly<Record<Family, readonly string[]>> = {
  bool: ['true', 'false', 'null', "'t'", "'off'"],
  number: ['0', '1', '2', '-3', '10', '100', '1.5', '0.005', '1e3', '2147483648', '9223372036854775808', "'7'", 'null'],
  exact: ['1.5', '0.0050', '3.00', '-7.25', '12345678901234567890.5'],
  text: ["''", "'a'", "'ab'", "'A%'", "'%a_'", "'it''s'", "'Straße'", "'12'", 'null'],
  time: ["'2024-02-29'", "'1999-12-31 23:59:59.999999'", "'infinity'", "'2024-02-29T12:00:00+02'", "'0044-03-15 BC'"],
  uuid: ["'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "'{a0eebc999c0b4ef8bb6d6bb9bd380a11}'", "'nonsense'"],
  bytes: ["'\\x61'", "'\\x00FF61'"],
  enum: ["'sad'", "'happy'", "'glad'"],
  clock: ["'12:34:56.789'", "'24:00'", "'12:60'"],
  json: ['\'{"a":1}\'::jsonb', "'[1, [2]]'::json", "'{'::jsonb", '\'{"b":1, "a" : 1.50, "b":"x\\u00e9"}\'::jsonb'],
  list: ["array['a', 'b']", "'{1,2}'::integer[]", 'array[1, null, 3]', '\'{a,"b c",NULL}\'::text[]'],
};

const CASTS: Readonly<Record<Family, readonly string[]>> = {
  bool: ['boolean'],
  number: ['smallint', 'integer', 'bigint', 'numeric', 'numeric(8,2)', 'numeric(3)', 'real', 'double precision'],
  exact: ['numeric', 'numeric(10,3)'],
  text: ['text', 'varchar', 'varchar(3)', 'char(4)'],
  time: ['date', 'timestamp', 'timestamptz', 'timestamp without time zone'],
  uuid: ['uuid'],
  bytes: ['bytea'],
  enum: ['text'],
  clock: ['time'],
  json: ['json', 'jsonb'],
  list: ['text[]', 'integer[]'],
};

const JSON_KEYS = ["'a'", "'b'", '0', '1', '-1', 't', 's', "'1'", 'null'];
const JSON_PATHS = ["'{a,b}'", "'{a,0}'", "'{1}'", "'{}'", "'{0,a}'", 'array[t]', "'{-1}'", 'a'];
/** None whose groups could share a match in several ways. */
const PATTERNS = [
  "'a'",
  "'^a'",
  "'[a-c_]+'",
  "'(\\w)(\\w)'",
  "'\\s*$'",
  "'\\d+|[[:upper:]]'",
  "'x*'",
  "'.'",
  "'a.*?b'",
  "'(a|ab)(c|bcd)?'",
  "'[^a-z]'",
  "'s{2}|ß'",
  "'\\mab?'",
  "'\\ya'",
  "'(?i)A%'",
  "'.{1,2}?'",
  "'(.)\\W'",
  "'[[:punct:]]'",
  "'σ'",
  "''",
];
const FIELDS =
  'year month day hour minute second milliseconds microseconds epoch dow isodow doy week isoyear quarter century decade millennium julian years DAYS'.split(
    ' ',
  );
const TRUNCATIONS = [
  'year',
  'month',
  'day',
  'hour',
  'minute',
  'second',
  'milliseconds',
  'microseconds',
  'week',
  'quarter',
  'decade',
  'century',
  'millennium',
  'Days',
].map((field) => `'${field}'`);
const FORMATS = [
  "'YYYY-MM-DD HH24:MI:SS.US'",
  "'FMDD.FMMM.YY'",
  "'Day, DD Month YYYY'",
  "'FMDay FMMonth Dy Mon DAY MON'",
  "'IYYY-IW-ID IDDD'",
  "'DDD D WW W Q J'",
  "'HH12:MI AM, HH pm MS'",
  '\'"at" SSSS / SSSSS\'',
  "'YYY Y IYY IY I'",
  "''",
];
const REPLACEMENTS = ["'x'", "'<\\1>'", "'[\\&]'", "'\\2\\1'", "'\\\\'", "'\\q'", "''", 't2'];

const FAMILIES = Object.keys(COLUMNS) as Family[];

/** Makes one expression. What it means is the same in both languages; not all of them have a type or a value. */
export class ExpressionMaker {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  make(): string {
    // Every thirtieth is of parts that hardly ever fit together.
    const { pick, chance } = this.#bound();
    const family = chance(0.5) ? pick<Family>(['bool', 'number', 'text']) : pick(FAMILIES);
    return this.#of(family, this.#random.between(1, 4));
  }

  #bound() {
    const random = this.#random;
    return { pick: <T>(list: readonly T[]) => random.pick(list), chance: (p: number) => random.chance(p) };
  }

  #of(wanted: Family, depth: number): string {
    const { pick, chance } = this.#bound();
    const family = chance(0.02) ? pick(FAMILIES) : wanted;
    if (depth <= 0) return pick(COLUMNS[family]);
    const general = chance(0.25) ? this.#general(family, depth) : null;
    const text = general ?? this.#special(family, depth);
    return chance(0.7) ? `(${text})` : text;
  }

  /** An operand: mostly not a literal, so that nothing is computed without the row. */
  #operand(family: Family, depth: number): string {
    const { pick, chance } = this.#bound();
    return chance(0.25) ? pick(LITERALS[family]) : this.#of(family, depth - 1);
  }

  #general(family: Family, depth: number): string {
    const { pick, chance } = this.#bound();
    const of = () => this.#of(family, depth - 1);
    const any = () => this.#operand(family, depth);
    const from = chance(0.6) ? family : pick(FAMILIES);
    return pick([
      () => `coalesce(${of()}, ${any()})`,
      () => `coalesce(${of()}, ${of()}, ${any()})`,
      () => `nullif(${of()}, ${any()})`,
      () => `${pick(['greatest', 'least'])}(${of()}, ${any()}, ${any()})`,
      () => `case when ${this.#of('bool', depth - 1)} then ${of()} else ${any()} end`,
      () =>
        `case ${this.#of('number', depth - 1)} when ${pick(LITERALS.number)} then ${any()} when ${pick(COLUMNS.number)} then ${of()} end`,
      () => `cast(${this.#of(from, depth - 1)} as ${pick(CASTS[family])})`,
      () => `${pick(COLUMNS[from])}::${pick(CASTS[family])}`,
    ])();
  }

  #special(family: Family, depth: number): string {
    const of = (kind: Family) => this.#of(kind, depth - 1);
    const { pick } = this.#bound();
    switch (family) {
      case 'bool':
        return this.#condition(depth);
      case 'number':
        return this.#arithmetic(depth);
      case 'exact':
        return this.#exact(depth);
      case 'text':
        return this.#text(depth);
      case 'time':
        return this.#time(depth);
      case 'json':
        return this.#json(depth);
      case 'list':
        return this.#list(depth);
      case 'bytes':
        return `${of('bytes')} || ${this.#operand('bytes', depth)}`;
      default:
        return pick(COLUMNS[family]);
    }
  }

  #condition(depth: number): string {
    const { pick, chance } = this.#bound();
    const family = chance(0.5) ? pick<Family>(['number', 'text', 'time']) : pick(FAMILIES);
    const of = () => this.#of(family, depth - 1);
    const any = () => this.#operand(family, depth);
    const not = chance(0.3) ? 'not ' : '';
    const condition = () => this.#of('bool', depth - 1);
    const negated = chance(0.3) ? ' not' : '';
    const compare = () => `${of()} ${pick(['=', '<>', '!=', '<', '<=', '>', '>='])} ${any()}`;
    return pick([
      compare,
      compare,
      compare,
      () => `${condition()} and ${condition()}`,
      () => `${condition()} or ${condition()} and ${condition()}`,
      () => `not ${condition()}`,
      () => `(${of()} is${negated} null)`,
      () => `(${condition()} is${negated} ${pick(['true', 'false', 'unknown'])})`,
      () => `(${of()} is${negated} distinct from ${any()})`,
      () => `(${of()} ${not}in (${any()}, ${any()}))`,
      () => `(${of()} ${not}in (${pick(LITERALS[family])}, ${pick(LITERALS[family])}, ${pick(COLUMNS[family])}))`,
      () => `${of()} ${not}between ${any()} and ${any()}`,
      () => `${this.#of('text', depth - 1)} ${not}like ${this.#operand('text', depth)}`,
      () => `${this.#of('text', depth - 1)} ${not}like ${pick(["'%a%'", "'_b%'", "'%'", "'a\\_%'", "'%_\\%'", "'_'"])}`,
      () => `${this.#of('text', depth - 1)} like '%!_%' escape '!'`,
      () => `${this.#of('text', depth - 1)} ${not}ilike ${pick(["'%A%'", "'_b%'", "'İ%'", "'%SS%'", "'straße'"])}`,
      () => `starts_with(${this.#of('text', depth - 1)}, ${this.#operand('text', depth)})`,
      () => `isfinite(${this.#of('time', depth - 1)})`,
      () => `${this.#of('text', depth - 1)} ${pick(['~', '~*', '!~', '!~*'])} ${pick(PATTERNS)}`,
      () => `regexp_like(${this.#of('text', depth - 1)}, ${pick(PATTERNS)}, ${pick(["'i'", "'n'", "''"])})`,
      () =>
        `(${this.#of('text', depth - 1)} ${pick(['=', '<>', '<'])} ${pick(['any', 'all'])} (${this.#of('list', 0)}))`,
      () => `(${pick(COLUMNS.number)} ${pick(['=', '<>', '<'])} ${pick(['any', 'all'])} (${pick(['ia', "'{1,7}'"])}))`,
    ])();
  }

  #arithmetic(depth: number): string {
    const { pick } = this.#bound();
    const of = () => this.#of('number', depth - 1);
    const any = () => this.#operand('number', depth);
    return pick([
      () => `${of()} ${pick(['+', '-', '*', '%'])} ${any()}`,
      () => `${any()} ${pick(['+', '-', '*', '%'])} ${of()}`,
      () => `${of()} + ${any()} * ${any()}`,
      () => this.#exact(depth),
      () => `cast(${of()} as numeric) / ${of()}`,
      () => `cast(${of()} as ${pick(['double precision', 'real'])}) / ${any()}`,
      () => `-${of()}`,
      () => `length(${this.#of(pick(['text', 'bytes']), depth - 1)})`,
      () => this.#numberCall(depth),
      () => this.#numberCall(depth),
    ])();
  }

  /** Whole numbers divide to whole numbers in PostgreSQL: here the left side never is one. */
  #exact(depth: number): string {
    const left = this.#of('exact', depth - 1);
    const right = this.#operand('exact', depth);
    const operator = this.#random.pick(['+', '-', '*', '/', '%']);
    return operator === '/' ? `cast(${left} as numeric) / ${right}` : `${left} ${operator} ${right}`;
  }

  #text(depth: number): string {
    const { pick } = this.#bound();
    const of = () => this.#of('text', depth - 1);
    const any = () => this.#of(pick(FAMILIES), depth - 1);
    return pick([
      () => `lower(${of()})`,
      () => `upper(${of()})`,
      () => `${of()} || ${this.#operand('text', depth)}`,
      () => `${of()} || ${any()}`,
      () => `concat(${of()}, ${any()}, ${pick(LITERALS.text)})`,
      () => `concat(${any()})`,
      () => `cast(${any()} as text)`,
      () => this.#textCall(depth),
      () => this.#textCall(depth),
      () => this.#textCall(depth),
      () => this.#textOfPattern(depth),
      () => this.#textOfOthers(depth),
    ])();
  }

  #time(depth: number): string {
    const { pick } = this.#bound();
    const of = () => this.#of('time', depth - 1);
    const count = () => pick(['1', '-30', 's', '0', '100000', 'i']);
    const part = () => pick(['1', '2', '12', '13', '29', 's', '0', '-5', '2024']);
    return pick([
      () => pick(COLUMNS.time),
      () => `date_trunc(${pick(TRUNCATIONS)}, ${of()})`,
      () => `dt ${pick(['+', '-'])} ${count()}`,
      () => `${count()} + cast(${of()} as date)`,
      () => `make_date(${part()}, ${part()}, ${part()})`,
      () =>
        `make_timestamp(${part()}, ${part()}, ${part()}, ${part()}, ${part()}, ${pick(['1.5', '60', 'f', '59.9999999'])})`,
      () => `make_timestamptz(2024, ${part()}, ${part()}, 23, 59, 0.000001)`,
      () => `to_timestamp(${pick(['i', 'f', 's', '1.5', '1e9', '-1'])})`,
      () =>
        `${pick(["date '2024-02-29'", "timestamp '1999-12-31 23:59:59.5'", "timestamptz '2024-02-29 00:00:00+05'"])}`,
    ])();
  }

  #numberOfTime(depth: number): string {
    const { pick } = this.#bound();
    const of = () => this.#of(pick(['time', 'time', 'time', 'clock']), depth - 1);
    return pick([
      () => `extract(${pick(FIELDS)} from ${of()})`,
      () => `extract(${pick(FIELDS)} from ${of()})`,
      () => `date_part('${pick(FIELDS)}', ${of()})`,
      () => `dt - cast(${of()} as date)`,
      () => `${pick(['gcd', 'lcm'])}(${pick(COLUMNS.number)}, ${pick(['i', 's', 'n', '12', '-18', '0'])})`,
      () => `sqrt(cast(${this.#of('number', depth - 1)} as double precision))`,
    ])();
  }

  #json(depth: number): string {
    const { pick } = this.#bound();
    const of = () => this.#of('json', depth - 1);
    const any = () => this.#of(pick(FAMILIES), depth - 1);
    return pick([
      () => `${of()} -> ${pick(JSON_KEYS)}`,
      () => `${of()} #> ${pick(JSON_PATHS)}`,
      () => `${pick(['json', 'jsonb'])}_extract_path(${of()}, ${pick(["'a'", "'1'", 't'])}, ${pick(["'b'", "'0'"])})`,
      () => `jsonb_build_object(${pick(LITERALS.text)}, ${any()}, 'b', ${any()})`,
      () => `jsonb_build_array(${any()}, ${any()})`,
      () => `to_jsonb(${any()})`,
      () => `jsonb_strip_nulls(${of()})`,
      () => `cast(${of()} as jsonb)`,
    ])();
  }

  #list(depth: number): string {
    const { pick } = this.#bound();
    const text = () => this.#of('text', depth - 1);
    return pick([
      () => `array[lower(${text()}), upper(${text()})]`,
      () => `array[${this.#of('number', depth - 1)}, ${pick(LITERALS.number)}]`,
      () => `string_to_array(${text()}, ${pick(["'a'", "''", "','", "'%'"])})`,
      () => `string_to_array(${text()}, ${pick(["'a'", "' '"])}, ${pick(["''", "'b'"])})`,
      () => `regexp_match(${text()}, ${pick(PATTERNS)})`,
      () => `regexp_split_to_array(${text()}, ${pick(PATTERNS)})`,
    ])();
  }

  #textOfPattern(depth: number): string {
    const { pick } = this.#bound();
    const text = () => this.#of('text', depth - 1);
    const flags = () => pick(["'i'", "'g'", "'gi'", "'n'", "''"]);
    const count = () => pick(['1', '2', '0', 's']);
    return pick([
      () => `regexp_replace(${text()}, ${pick(PATTERNS)}, ${pick(REPLACEMENTS)})`,
      () => `regexp_replace(${text()}, ${pick(PATTERNS)}, ${pick(REPLACEMENTS)}, ${flags()})`,
      () => `regexp_substr(${text()}, ${pick(PATTERNS)})`,
      () =>
        `regexp_substr(${text()}, ${pick(PATTERNS)}, ${count()}, ${count()}, ${pick(["'i'", "'n'", "''"])}, ${pick(['0', '1', '2'])})`,
      () => `substring(${text()}, ${pick(PATTERNS)})`,
      () => `substring(${text()} from ${count()} for ${count()})`,
    ])();
  }

  #textOfOthers(depth: number): string {
    const { pick } = this.#bound();
    const json = () => this.#of('json', depth - 1);
    return pick([
      () => `${json()} ->> ${pick(JSON_KEYS)}`,
      () => `${json()} #>> ${pick(JSON_PATHS)}`,
      () => `to_char(${this.#of('time', depth - 1)}, ${pick(FORMATS)})`,
      () => `to_char(${this.#of('time', depth - 1)}, ${pick(FORMATS)})`,
      () =>
        `cast(make_time(${pick(['12', '24', '-1', 's'])}, ${pick(['0', '59', '60'])}, ${pick(['0', '1.5', 'r', '60'])}) as text)`,
      () => `jsonb_typeof(${json()})`,
      () => `jsonb_extract_path_text(${json()}, ${pick(["'a'", "'1'", 't'])})`,
      () => `array_to_string(${this.#of('list', depth - 1)}, ${pick(["','", "''", 't'])})`,
      () => `array_to_string(${this.#of('list', depth - 1)}, '-', ${pick(["'*'", 't'])})`,
      () => `(${pick(['a', "string_to_array(t, 'a')"])})[${pick(['1', '2', '0', '-1', 's'])}]`,
    ])();
  }

  #numberCall(depth: number): string {
    const { pick } = this.#bound();
    const number = () => this.#of('number', depth - 1);
    const text = () => this.#of('text', depth - 1);
    return pick([
      () => `${pick(['abs', 'ceil', 'ceiling', 'floor', 'sign', 'round', 'trunc'])}(${number()})`,
      () =>
        `${pick(['round', 'trunc'])}(cast(${number()} as numeric), ${pick(['0', '1', '3', '-1', '-2', 's', 'null'])})`,
      () => `${pick(['mod', 'div'])}(${number()}, ${this.#operand('number', depth)})`,
      () => `strpos(${text()}, ${this.#operand('text', depth)})`,
      () => this.#numberOfTime(depth),
      () => this.#numberOfTime(depth),
      () => `position(${text()} in ${text()})`,
      () => `regexp_count(${text()}, ${pick(PATTERNS)})`,
      () => `regexp_count(${text()}, ${pick(PATTERNS)}, ${pick(['1', '3', '0'])}, ${pick(["'i'", "'n'"])})`,
      () => `array_length(${this.#of('list', depth - 1)}, ${pick(['1', '2', '0'])})`,
      () => `cardinality(${this.#of('list', depth - 1)})`,
      () => `array_position(${pick(['a', 'ia'])}, ${pick(["'a'", '7', 't', 'i', 'null'])})`,
      () => `jsonb_array_length(${this.#of('json', depth - 1)})`,
      () => `ia[${pick(['1', '3', '9', 's'])}]`,
      () => `${pick(['ascii', 'octet_length', 'char_length'])}(${text()})`,
    ])();
  }

  #textCall(depth: number): string {
    const { pick, chance } = this.#bound();
    const of = () => this.#of('text', depth - 1);
    const text = () => this.#operand('text', depth);
    const count = () => pick(['0', '1', '2', '3', '-1', '-2', '7', 's', 'i', 'null', '2147483647']);
    const bytes = () => this.#of('bytes', depth - 1);
    return pick([
      () =>
        `${pick(['left', 'right', 'substr', 'lpad', 'rpad'])}(${of()}, ${pick(['0', '1', '3', '-1', '-2', '12', 'null'])})`,
      () => `${pick(['substr', 'substring'])}(${of()}, ${count()}, ${count()})`,
      () => `encode(${pick(['substr', 'substring'])}(${bytes()}, ${count()}, ${pick(['0', '1', '2', '-1'])}), 'hex')`,
      () => `${pick(['lpad', 'rpad'])}(${of()}, ${pick(['0', '4', '9', '-1'])}, ${text()})`,
      () => `${pick(['btrim', 'ltrim', 'rtrim', 'trim'])}(${of()})`,
      () => `${pick(['btrim', 'ltrim', 'rtrim'])}(${of()}, ${text()})`,
      () => `replace(${of()}, ${text()}, ${text()})`,
      () => `translate(${of()}, ${text()}, ${text()})`,
      () => `split_part(${of()}, ${text()}, ${pick(['1', '2', '-1', '0', '-3', 's'])})`,
      () => `reverse(${chance(0.8) ? of() : bytes()})`,
      () => `repeat(${of()}, ${pick(['0', '-1', '3'])})`,
      () => `chr(${pick(['97', '233', '119070', 's'])})`,
      () => `concat_ws(${text()}, ${this.#of(pick(FAMILIES), depth - 1)}, ${text()})`,
      () => `${pick(['md5'])}(${this.#of(pick(['text', 'bytes']), depth - 1)})`,
      () =>
        `encode(${pick(['sha224', 'sha256', 'sha384', 'sha512'])}(convert_to(${of()}, 'UTF8')), ${pick(["'hex'", "'base64'"])})`,
      () => `encode(${bytes()}, ${pick(["'hex'", "'base64'", "'escape'", "'nonsense'"])})`,
      () => `encode(decode(${of()}, ${pick(["'hex'", "'base64'", "'escape'"])}), 'hex')`,
      () => `to_hex(${pick(['i', 'n', 's', 'i2'])})`,
    ])();
  }
}
