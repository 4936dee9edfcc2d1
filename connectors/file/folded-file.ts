/**
 * The rows that a file of changes amounts to, as places of lines: of each row the last whole line and the partial ones behind
 * it. Reads on from where it was, up to the length that the sink has made durable.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { jsonMembers } from '../../src/sdk/target/json-text.ts';

const READ_BYTES = 1 << 20;
const NEWLINE = 0x0a;

interface Line {
  readonly at: number;
  readonly bytes: number;
  /** Names of the columns that it has, as one text. */
  readonly columns: string;
}

interface FoldedRow {
  /** Oldest first; columns come from the newest line that has them. */
  readonly lines: readonly Line[];
  readonly version: bigint;
}

export class FoldedFile {
  readonly #path: string;
  /** Rows by key, by table. */
  readonly #tables = new Map<string, Map<string, FoldedRow>>();
  #read = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** @param length of the file's durable part */
  async catchUp(length: number): Promise<void> {
    if (length < this.#read) {
      this.#tables.clear();
      this.#read = 0;
    }
    if (length === this.#read) return;
    const file = await open(this.#path, 'r');
    try {
      await this.#fold(file, length);
    } finally {
      await file.close();
    }
  }

  /** Keys of the table's rows as they stand in the lines. @param table `schema.table` */
  keys(table: string): readonly string[] {
    return [...(this.#tables.get(table)?.keys() ?? [])];
  }

  has(table: string, key: string): boolean {
    return this.#tables.get(table)?.has(key) ?? false;
  }

  /** Columns of each row as JSON texts; undefined for those that are not there. */
  async rows(table: string, keys: readonly string[]): Promise<readonly (ReadonlyMap<string, string> | undefined)[]> {
    if (!keys.some((key) => this.has(table, key))) return keys.map(() => undefined);
    const file = await open(this.#path, 'r');
    try {
      const found: (ReadonlyMap<string, string> | undefined)[] = [];
      for (const key of keys) {
        const row = this.#tables.get(table)?.get(key);
        found.push(row === undefined ? undefined : await columnsOf(file, row));
      }
      return found;
    } finally {
      await file.close();
    }
  }

  async #fold(file: FileHandle, length: number): Promise<void> {
    let rest = Buffer.alloc(0);
    for (let at = this.#read; at < length; ) {
      const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, length - at));
      const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
      if (bytesRead === 0) break;
      at += bytesRead;
      const data = Buffer.concat([rest, buffer.subarray(0, bytesRead)]);
      let from = 0;
      for (let to = data.indexOf(NEWLINE, from); to >= 0; to = data.indexOf(NEWLINE, from)) {
        this.#take(data.toString('utf8', from, to), this.#read, to - from);
        this.#read += to + 1 - from;
        from = to + 1;
      }
      rest = data.subarray(from);
    }
  }

  #take(text: string, at: number, bytes: number): void {
    const members = jsonMembers(text);
    const op = stringIn(members.get('op'));
    const table = stringIn(members.get('table'));
    const version = BigInt(stringIn(members.get('version')));
    let rows = this.#tables.get(table);
    if (rows === undefined) this.#tables.set(table, (rows = new Map()));
    if (op === 't' || op === 'snapshot-end') {
      const below = op === 't' ? version : BigInt(stringIn(members.get('sweep_below')) || 0);
      for (const [key, row] of rows) if (row.version < below) rows.delete(key);
      return;
    }
    const key = members.get('key');
    if (key === undefined) return;
    if (op === 'd') {
      rows.delete(key);
      return;
    }
    const columns = [...jsonMembers(members.get('after')!).keys()].join('\0');
    // Of an update that has not all columns the older lines show through.
    const older = op === 'u' ? (rows.get(key)?.lines ?? []).filter((line) => line.columns !== columns) : [];
    rows.set(key, { lines: [...older, { at, bytes, columns }], version });
  }
}

async function columnsOf(file: FileHandle, { lines }: FoldedRow): Promise<ReadonlyMap<string, string>> {
  const columns = new Map<string, string>();
  for (const { at, bytes } of lines) {
    const buffer = Buffer.allocUnsafe(bytes);
    await file.read(buffer, 0, bytes, at);
    const after = jsonMembers(buffer.toString()).get('after');
    if (after?.startsWith('{')) for (const [name, json] of jsonMembers(after)) columns.set(name, json);
  }
  return columns;
}

function stringIn(json: string | undefined): string {
  return json === undefined ? '' : String(JSON.parse(json));
}
