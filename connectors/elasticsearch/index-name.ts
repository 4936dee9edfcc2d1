/**
 * Names of indices: lower case, few characters.
 * https://www.elastic.co/guide/en/elasticsearch/reference/8.19/indices-create-index.html
 */
import { type TableSchema, TailraceError } from '../../src/sdk/index.ts';
import { fillTemplate } from '../../src/sdk/table-template.ts';
import { sourceTableName } from '../../src/sdk/target/names.ts';

const MAX_BYTES = 255;

/** What is wrong with a name, as the end of a sentence; null when nothing is. */
export function indexNameProblem(name: string): string | null {
  if (name !== name.toLowerCase()) return 'must be lower case';
  const bad = /[\\/*?"<>| ,#:]/.exec(name)?.[0];
  if (bad !== undefined) return `must not hold ${bad === ' ' ? 'a space' : bad}`;
  if (/^[-_+.]/.test(name)) return `must not start with ${name[0]}`;
  return Buffer.byteLength(name) > MAX_BYTES ? `must not be longer than ${MAX_BYTES} bytes` : null;
}

/** Throws `sink.not_ready` when the table's name does not fit into one of an index. */
export function indexNameOf(template: string, table: TableSchema): string {
  const name = fillTemplate(template, table);
  const problem = name === '' ? 'must not be empty' : indexNameProblem(name);
  if (problem === null) return name;
  throw new TailraceError(
    'sink.not_ready',
    `${sourceTableName(table)} would be kept in the index "${name}": a name ${problem}`,
    {
      remedy: 'give the table its own sink with `from:`, and name its index with `index:`',
    },
  );
}
