/** What templates of keys and members must be: in themselves, and beside the key of a table. */
import { keyColumns, type TableSchema, TailraceError } from '../../src/sdk/index.ts';
import { sourceTableName } from '../../src/sdk/target/names.ts';
import { columnsIn, GROUP, partsOf } from './key-template.ts';
import { SERVICE_PREFIX } from './names.ts';

const FACTS = ['$table', '$schema', GROUP];

/** What is wrong with a template whatever the tables are; null when nothing is. */
export function templateProblem(template: string): string | null {
  const parts = partsOf(template);
  if (parts.some(({ literal }) => /[{}]/.test(literal))) return 'has a brace without its counterpart';
  const names = parts.flatMap(({ name }) => (name === null ? [] : [name]));
  const fact = names.find((name) => name.startsWith('$') && !FACTS.includes(name));
  if (fact !== undefined) return `{${fact}} is unknown; there are ${FACTS.map((name) => `{${name}}`).join(' and ')}`;
  if (names.includes('')) return 'has empty braces: name a column of the key between them, e.g. product:{id}';
  const columns = parts.filter(({ name }) => name !== null && name !== GROUP);
  if (columns.slice(1).some(({ literal }) => literal === '')) {
    return 'needs literal text between two placeholders, e.g. item:{order_id}:{line}';
  }
  return null;
}

/** The same of the template of keys. @param columns it must name some; @param grouped it must name the group, else must not */
export function keyTemplateProblem(template: string, columns: boolean, grouped: boolean): string | null {
  const problem = templateProblem(template);
  if (problem !== null) return problem;
  if (columns && columnsIn(template).length === 0) return 'needs the columns of the key in braces, e.g. product:{id}';
  const names = partsOf(template).flatMap(({ name }) => name ?? []);
  if (!grouped && names.includes(GROUP)) return `{${GROUP}} is for a cluster: leave it out, or set \`cluster\``;
  if (grouped && names.filter((name) => name === GROUP).length !== 1) {
    return `needs {${GROUP}} once: in a cluster rows are written by groups, e.g. product:{${GROUP}}:{id}`;
  }
  if (
    grouped &&
    names.indexOf(GROUP) > names.findIndex((name) => !name.startsWith('$')) &&
    columnsIn(template).length > 0
  ) {
    return `needs {${GROUP}} before the columns, e.g. product:{${GROUP}}:{id}`;
  }
  const [first] = partsOf(template);
  if (first!.literal === '' && first!.name !== GROUP) return 'must start with literal text, e.g. product:{id}';
  if (template.startsWith(SERVICE_PREFIX)) return `must not start with ${SERVICE_PREFIX}, which is kept for Tailrace`;
  return null;
}

interface Templates {
  readonly key: string;
  readonly member: string | null;
}

/**
 * Throws `sink.not_ready` for a column that is not of the record key: it could change, and what stands under its old value would
 * stay. Where each row has a place of its own (`all`), every column of the record key must be named, else rows would share one.
 */
export function requireKeyColumns({ key, member }: Templates, all: boolean, table: TableSchema): void {
  const keys = keyColumns(table).map(({ name }) => name);
  const where = `of ${sourceTableName(table)}`;
  if (keys.length === 0) {
    throw new TailraceError('sink.not_ready', `rows ${where} have no key, so they cannot be kept under one in Redis`, {
      remedy: `give ${sourceTableName(table)} a primary key, or leave it out of this sink with \`from:\``,
    });
  }
  const named = [...columnsIn(key), ...columnsIn(member ?? '')];
  const shown = member === null ? `\`key: ${key}\`` : `\`key: ${key}\` with \`member: ${member}\``;
  const list = keys.map((name) => `{${name}}`).join(':');
  const remedy = member === null ? `write \`key: ${table.table}:${list}\`` : `name ${list} in \`key\` and \`member\``;
  const foreign = named.find((name) => !keys.includes(name));
  if (foreign !== undefined) {
    const message = `${shown} names {${foreign}}, which is no column of the key ${where}`;
    throw new TailraceError('sink.not_ready', message, { remedy });
  }
  const missing = keys.find((name) => !named.includes(name));
  if (all && missing !== undefined) {
    const message = `${shown} lacks {${missing}}, a column of the key ${where}: rows would share a key`;
    throw new TailraceError('sink.not_ready', message, { remedy });
  }
}
