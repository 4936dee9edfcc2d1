/**
 * The sidecar `<path>.tailrace`: up to where the log has been written into the files, and how long the files were then.
 * It is replaced as a whole (write, fsync, rename, fsync of the directory), after the data it speaks of is on disk.
 */
import { open, readFile, rename } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { TailraceError, z } from '../../src/sdk/index.ts';
import type { StoredPosition } from '../../src/sdk/target/positions.ts';

const decimal = z.string().regex(/^\d+$/);

const format = z.strictObject({
  v: z.literal(1),
  sink: z.string(),
  lineage: z.string(),
  generation: z.number(),
  epoch: z.number(),
  positions: z.array(z.strictObject({ topic: z.string(), partition: z.number(), next: decimal })),
  /** Length in bytes of each file, by its path relative to this one's directory. */
  files: z.record(z.string(), z.number()),
});

export type FileState = z.output<typeof format>;

/** The directory of the template's literal part, in which the sidecar lies and below which all files do. */
export function rootOf(template: string): string {
  return dirname(template.replace(/\{.*/s, '_'));
}

/** Of `out/{schema}/{table}.jsonl`: `out/{schema}_{table}.jsonl.tailrace`. */
export function statePath(template: string): string {
  const root = rootOf(template);
  return join(root, `${relative(root, template).replaceAll(sep, '_')}.tailrace`);
}

/** Null when there is none. Throws `sink.not_ready` for one that is not ours to read. */
export async function readState(path: string): Promise<FileState | null> {
  let text: string;
  try {
    text = await readFile(statePath(path), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  const parsed = format.safeParse(jsonOf(text));
  if (parsed.success) return parsed.data;
  throw new TailraceError('sink.not_ready', `${statePath(path)} does not hold positions of this version of Tailrace`, {
    remedy: 'restore the file, or move it and the files it belongs to away to begin again',
  });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Durable when it resolves. */
export async function writeState(path: string, state: FileState): Promise<void> {
  const target = statePath(path);
  const temporary = `${target}.tmp`;
  await using file = await open(temporary, 'w', 0o644);
  await file.writeFile(`${JSON.stringify(state)}\n`);
  await file.sync();
  await rename(temporary, target);
  await syncDirectory(dirname(target));
}

/** Makes names in a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, 'r');
  await directory.sync();
}

export function positionsOf(state: FileState): readonly StoredPosition[] {
  const { lineage, generation, epoch } = state;
  return state.positions.map((position) => ({ ...position, next: BigInt(position.next), lineage, generation, epoch }));
}
