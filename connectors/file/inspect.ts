/** Looks at the rows that the lines of changes amount to. */
import { join, relative, resolve } from 'node:path';
import type { Change, HeldRow, SinkInspector, SinkOpenOptions, TableSchema } from '../../src/sdk/index.ts';
import { TailraceError } from '../../src/sdk/index.ts';
import { fillTemplate } from '../../src/sdk/table-template.ts';
import { heldRow } from '../../src/sdk/target/held-row.ts';
import type { FileConfig } from './config.ts';
import { asSinkError } from './errors.ts';
import { asFileName } from './file-name.ts';
import { FoldedFile } from './folded-file.ts';
import { readState, rootOf } from './state-file.ts';

const PAGE_ROWS = 1_000;
/** Their keys are kept in memory, about 200 bytes each (Invariant 10). */
const MAX_BYTES = 4 * 2 ** 30;

export async function inspectFile({ config }: SinkOpenOptions<FileConfig>): Promise<SinkInspector> {
  return new FileInspector(resolve(config.path));
}

class FileInspector implements SinkInspector {
  readonly #template: string;
  readonly #files = new Map<string, FoldedFile>();

  constructor(template: string) {
    this.#template = template;
  }

  async compare(rows: readonly Change[]): Promise<readonly HeldRow[]> {
    const { table } = rows[0]!;
    const file = await this.#file(table);
    const held = await file.rows(
      nameOf(table),
      rows.map(({ key }) => key),
    );
    return held.map((columns, i): HeldRow => {
      if (columns === undefined) return { state: 'missing' };
      const row = rows[i]!.after!;
      const differing = table.columns.filter(({ name }, at) => columns.get(name) !== textOf(row.bytes(at)));
      return heldRow(differing.map(({ name }) => name));
    });
  }

  async holds(table: TableSchema, keys: readonly string[]): Promise<readonly boolean[]> {
    const file = await this.#file(table);
    return keys.map((key) => file.has(nameOf(table), key));
  }

  async *keys(table: TableSchema): AsyncIterable<readonly string[]> {
    const keys = (await this.#file(table)).keys(nameOf(table));
    for (let at = 0; at < keys.length; at += PAGE_ROWS) yield keys.slice(at, at + PAGE_ROWS);
  }

  async close(): Promise<void> {
    this.#files.clear();
  }

  /** Folded up to what the sink has made durable; what lies behind may be cut off. */
  async #file(table: TableSchema): Promise<FoldedFile> {
    try {
      const root = rootOf(this.#template);
      const name = relative(root, fillTemplate(this.#template, table, asFileName));
      const length = (await readState(this.#template))?.files[name] ?? 0;
      if (length > MAX_BYTES) {
        throw new TailraceError('verify.unsupported', `${name} is too long to be folded`, {
          remedy: 'verify another sink of the pipeline, or begin a new file',
        });
      }
      let file = this.#files.get(name);
      if (file === undefined) this.#files.set(name, (file = new FoldedFile(join(root, name))));
      await file.catchUp(length);
      return file;
    } catch (error) {
      throw asSinkError(error, this.#template);
    }
  }
}

const nameOf = ({ schema, table }: TableSchema): string => `${schema}.${table}`;

function textOf(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : Buffer.from(bytes).toString();
}
