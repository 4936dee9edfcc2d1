/**
 * The system that is read: a file that is only ever appended to. Put your own here. Its first line names it, every other is a change:
 *   {"journal":"8f2c…"}
 *   {"op":"insert","row":{"id":"1","name":"a"}}       also update, and delete with the key alone
 */
import { type FileHandle, open, stat } from 'node:fs/promises';
import { TailraceError } from 'tailrace/sdk';

const PIECE = 256 * 1024;

export interface Entry {
  readonly op: 'insert' | 'update' | 'delete';
  readonly row: Readonly<Record<string, string | null>>;
  /** Byte behind it: where reading goes on. */
  readonly next: number;
}

export class Journal {
  readonly #path: string;
  readonly #file: FileHandle;
  /** As its first line says: what a position belongs to. Another journal at the same path has another. */
  readonly name: string;
  /** Of the first entry. */
  readonly start: number;

  private constructor(path: string, file: FileHandle, name: string, start: number) {
    this.#path = path;
    this.#file = file;
    this.name = name;
    this.start = start;
  }

  static async open(path: string): Promise<Journal> {
    const file = await open(path).catch((error: NodeJS.ErrnoException) => {
      // Class `retry`: the runtime tries again, later.
      throw new TailraceError('source.unreachable', `the journal cannot be read (${error.code})`, {
        remedy: 'mend `path`, or the rights of the file',
      });
    });
    try {
      const { bytes } = await piece(file, 0);
      const end = bytes.indexOf('\n');
      const { journal } = parsed(bytes.subarray(0, Math.max(end, 0)).toString(), 0) as { journal?: unknown };
      if (typeof journal === 'string') return new Journal(path, file, journal, end + 1);
      throw new TailraceError('source.not_ready', 'the first line of the file does not name a journal', {
        remedy: 'begin it with {"journal":"a name of its own"}',
      });
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Throws `source.unreachable` when another file has taken its place: it is opened again then, and its name looked at. */
  async size(): Promise<number> {
    const [own, there] = await Promise.all([this.#file.stat(), stat(this.#path).catch(() => null)]);
    if (own.ino === there?.ino) return own.size;
    throw new TailraceError('source.unreachable', 'the file of the journal was moved or replaced', {
      remedy: 'bring it back to `path`',
    });
  }

  /** Whole entries from a byte on, as many as a piece holds; none at the end. */
  async read(from: number): Promise<readonly Entry[]> {
    const { bytes, isWhole } = await piece(this.#file, from);
    const entries: Entry[] = [];
    for (let at = 0, end = bytes.indexOf('\n'); end >= 0; at = end + 1, end = bytes.indexOf('\n', at)) {
      entries.push(entryOf(bytes.subarray(at, end).toString(), from + at, from + end + 1));
    }
    if (entries.length === 0 && isWhole) throw unreadable(from, 'is longer than a line may be');
    return entries;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

async function piece(file: FileHandle, from: number): Promise<{ readonly bytes: Buffer; readonly isWhole: boolean }> {
  const { bytesRead, buffer } = await file.read(Buffer.alloc(PIECE), 0, PIECE, from);
  return { bytes: buffer.subarray(0, bytesRead), isWhole: bytesRead === PIECE };
}

function entryOf(text: string, at: number, next: number): Entry {
  const { op, row } = parsed(text, at) as Partial<Entry>;
  const isRow =
    typeof row === 'object' && row !== null && Object.values(row).every((v) => v === null || typeof v === 'string');
  if ((op === 'insert' || op === 'update' || op === 'delete') && isRow) return { op, row, next };
  throw unreadable(at, 'is no change');
}

function parsed(text: string, at: number): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Told below: the text may hold values of rows.
  }
  throw unreadable(at, 'is no JSON object');
}

/** Class `gap`: what cannot be read is never passed over. */
export function unreadable(at: number, why: string): TailraceError {
  return new TailraceError('source.unsupported', `the line at byte ${at} of the journal ${why}`, {
    remedy: 'mend the line, then restart the source',
  });
}
