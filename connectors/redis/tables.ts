/** The source's tables as they are kept in Redis: their keys, and the versions below which writes are refused. */
import { createHash } from 'node:crypto';
import { type TableSchema, TailraceError } from '../../src/sdk/index.ts';
import { sourceTableName, TargetNames, VERSION_COLUMN } from '../../src/sdk/target/names.ts';
import { groupsOf, type RedisConfig } from './config.ts';
import { columnsIn, KeyTemplate } from './key-template.ts';
import { SOURCE_FIELD } from './names.ts';
import { requireKeyColumns } from './template-rules.ts';

export interface TargetTable {
  readonly source: TableSchema;
  readonly key: KeyTemplate;
  /** Of members of sets. */
  readonly member: KeyTemplate | null;
  /** Index of the column whose text is the value or the score; -1 where there is none. */
  readonly value: number;
  /** Of the source's table under these templates: tells our rows from others whose keys look alike. */
  readonly id: string;
  /** As messages name it. */
  readonly name: string;
}

/** Throws `sink.not_ready` where templates and columns of the configuration do not fit the table. */
export function targetTable(config: RedisConfig, source: TableSchema): TargetTable {
  const { as, key, member } = config;
  // The entries of a stream need no key; a column that the template names must be of one, so that a delete has it too.
  if (as !== 'stream' || columnsIn(key).length > 0)
    requireKeyColumns({ key, member: member ?? null }, as !== 'invalidate' && as !== 'stream', source);
  const template = new KeyTemplate(key, source, groupsOf(config));
  const members = member === undefined ? null : new KeyTemplate(member, source, 1);
  const column = as === 'string' ? config.value : as === 'sorted-set' ? config.score : undefined;
  const value = column === undefined ? -1 : source.columns.findIndex(({ name }) => name === column);
  if (column !== undefined && value < 0) {
    const setting = as === 'string' ? 'value' : 'score';
    throw new TailraceError('sink.not_ready', `${sourceTableName(source)} has no column "${column}"`, {
      remedy: `name one of its columns with \`${setting}:\``,
    });
  }
  const filled = members === null ? template.filled : `${template.filled} ${members.filled}`;
  return { source, key: template, member: members, value, id: tableId(source, filled), name: sourceTableName(source) };
}

export class TargetTables {
  readonly #config: RedisConfig;
  readonly #names: TargetNames;
  readonly #known = new Map<string, TargetTable>();

  constructor(config: RedisConfig) {
    this.#config = config;
    this.#names = new TargetNames({ reserved: config.as === 'hash' ? [VERSION_COLUMN, SOURCE_FIELD] : [] });
  }

  of(source: TableSchema): TargetTable {
    const known = this.#known.get(identityOf(source));
    if (known !== undefined) return known;
    const table = targetTable(this.#config, source);
    const shared = this.#config.as === 'stream' || this.#config.as === 'invalidate';
    if (!shared)
      this.#names.claim(
        table.member === null ? table.key.filled : `${table.key.filled} ${table.member.filled}`,
        source,
      );
    this.#known.set(identityOf(source), table);
    return table;
  }
}

function identityOf({ source, schema, table, id }: TableSchema): string {
  return `${source}\0${schema}\0${table}\0${id}`;
}

/** 48 bits of a hash: it stands in every row. */
function tableId({ source, schema, table }: TableSchema, template: string): string {
  return createHash('sha256')
    .update(JSON.stringify([source, schema, table, template]))
    .digest('base64url')
    .slice(0, 8);
}
