/** The formats that `parse` reads. */
import { TailraceError } from '../../contracts/errors.ts';
import { isProblem, typeOfText } from '../expression/type-names.ts';
import type { Type } from '../expression/types.ts';
import { csvReader } from '../formats/csv.ts';
import type { Reader } from '../formats/format.ts';
import { jsonReader } from '../formats/json.ts';
import { logfmtReader } from '../formats/logfmt.ts';
import { NGINX_FIELDS, readNginx } from '../formats/nginx.ts';
import { patternReader } from '../formats/pattern.ts';
import { readSyslog, SYSLOG_FIELDS } from '../formats/syslog.ts';
import { regexp } from '../regexp/regexp.ts';
import type { ParseConfig } from './parse.ts';
import type { ParsedColumn } from './parsed-columns.ts';
import type { StepUse } from './step.ts';

export const FORMATS = ['json', 'csv', 'logfmt', 'regex', 'nginx', 'syslog'] as const;
type FormatName = (typeof FORMATS)[number];

export function isFormat(name: string): name is FormatName {
  return FORMATS.includes(name as FormatName);
}

const FIXED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  nginx: NGINX_FIELDS,
  syslog: SYSLOG_FIELDS,
};

/** Fields that a format has by itself. */
export function fixedFields(format: string): readonly ParsedColumn[] {
  return Object.entries(FIXED[format] ?? {}).map(([name, type]) => ({ name, type: known(type) }));
}

function known(name: string): Type {
  const type = typeOfText(name);
  if (isProblem(type)) throw new TypeError(type.message);
  return type;
}

/** Null: something is wrong, which was reported. */
export function readerOf(
  use: StepUse,
  format: string,
  config: ParseConfig,
  columns: readonly ParsedColumn[],
): Reader | null {
  const names = columns.map(({ name }) => name);
  switch (format as FormatName) {
    case 'json':
      return jsonReader(
        names,
        columns.map(({ type }) => type.kind === 'json'),
      );
    case 'logfmt':
      return logfmtReader(names);
    case 'csv':
      return csv(use, config, names.length);
    case 'regex':
      return pattern(use, config, names.length);
    case 'nginx':
      return placed(readNginx, NGINX_FIELDS, names);
    case 'syslog':
      return placed(readSyslog, SYSLOG_FIELDS, names);
  }
}

/** The fields of a format at the places of their columns. */
function placed(read: Reader, fields: Readonly<Record<string, string>>, names: readonly string[]): Reader {
  const own = Object.keys(fields);
  const places = names.map((name) => own.indexOf(name));
  return (text) => {
    const found = read(text);
    return found === null ? null : places.map((place) => (place < 0 ? null : found[place]!));
  };
}

function csv(use: StepUse, { separator = ',' }: ParseConfig, count: number): Reader | null {
  if (typeof separator === 'string' && separator.length === 1 && separator !== '"') return csvReader(count, separator);
  use.problem('step-argument', 'one character must stand here', { at: ['separator'], fix: 'for example separator: ;' });
  return null;
}

function pattern(use: StepUse, config: ParseConfig, count: number): Reader | null {
  const { pattern: text } = config;
  if (typeof text !== 'string' || text === '') {
    const fix = "for example pattern: '^(\\S+) (\\d+)$'";
    use.problem('step-argument', '"regex" needs a "pattern"', { ...(text !== undefined && { at: ['pattern'] }), fix });
    return null;
  }
  try {
    const compiled = regexp(text);
    if (compiled.groups === count) return patternReader(compiled);
    const message = `the pattern has ${compiled.groups} groups, and there are ${count} columns`;
    use.problem('step-argument', message, { at: ['pattern'], fix: 'write (?:…) around what is no column' });
  } catch (error) {
    if (!(error instanceof TailraceError)) throw error;
    use.problem('step-argument', error.message, { at: ['pattern'] });
  }
  return null;
}
