/**
 * Power loss for a real process: its files are real, and what would take back each change that is not synced yet stands in a
 * journal beside them. After SIGKILL (which loses nothing that was written) `cutPower` takes back a legal part of it.
 *
 * Legal: of the writes to a file since its last sync, any sectors of 512 bytes go back to an earlier state of theirs, and the
 * file to any size between; of the changes to a directory since its last sync, the last ones go, as many as you like.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { diskFiles, type Files, type OpenFile } from '../../../src/lib/files.ts';

const SECTOR = 512;

type Entry =
  | {
      readonly kind: 'write';
      readonly path: string;
      readonly at: number;
      readonly length: number;
      readonly size: number;
      readonly old: string;
    }
  /** Writes to the file that come before it in the journal, `upTo` of all entries, are on the disk. */
  | { readonly kind: 'sync'; readonly path: string; readonly upTo: number }
  | { readonly kind: 'create'; readonly path: string }
  | { readonly kind: 'rename'; readonly from: string; readonly to: string; readonly replaced: string | null }
  | { readonly kind: 'remove'; readonly path: string; readonly kept: string }
  | { readonly kind: 'syncDirectory'; readonly path: string; readonly upTo: number };

export class UndoFiles implements Files {
  readonly #dir: string;
  readonly #journal: number;
  readonly #lies: boolean;
  #entries = 0;
  #kept = 0;

  /** @param lies syncs are not made: what a mutation check needs */
  constructor(dir: string, lies = false) {
    this.#dir = dir;
    this.#lies = lies;
    rmSync(dir, { recursive: true, force: true });
    mkdirSync(dir, { recursive: true });
    this.#journal = openSync(join(dir, 'journal'), 'a');
  }

  get entries(): number {
    return this.#entries;
  }

  add(entry: Entry): void {
    writeSync(this.#journal, `${JSON.stringify(entry)}\n`);
    this.#entries++;
  }

  synced(path: string, upTo: number): void {
    if (!this.#lies) this.add({ kind: 'sync', path, upTo });
  }

  async open(path: string, mode: 'existing' | 'create' | 'read'): Promise<OpenFile> {
    if (mode === 'create') this.add({ kind: 'create', path });
    const file = await diskFiles.open(path, mode);
    if (mode === 'create') await this.syncDirectory(dirname(path));
    return mode === 'read' ? file : new UndoFile(file, path, this);
  }

  async rename(from: string, to: string): Promise<void> {
    const replaced = existsSync(to) ? this.#keep(to) : null;
    this.add({ kind: 'rename', from, to, replaced });
    await diskFiles.rename(from, to);
  }

  async remove(path: string): Promise<void> {
    if (existsSync(path)) this.add({ kind: 'remove', path, kept: this.#keep(path) });
    await diskFiles.remove(path);
  }

  async syncDirectory(path: string): Promise<void> {
    const upTo = this.#entries;
    await diskFiles.syncDirectory(path);
    this.add({ kind: 'syncDirectory', path, upTo });
  }

  list = diskFiles.list;
  makeDirectory = (path: string) => diskFiles.makeDirectory(path);
  removeDirectory = (path: string) => diskFiles.removeDirectory(path);

  #keep(path: string): string {
    const kept = join(this.#dir, `kept-${this.#kept++}`);
    linkSync(path, kept);
    return kept;
  }
}

class UndoFile implements OpenFile {
  readonly #file: OpenFile;
  readonly #path: string;
  readonly #files: UndoFiles;

  constructor(file: OpenFile, path: string, files: UndoFiles) {
    this.#file = file;
    this.#path = path;
    this.#files = files;
  }

  async write(buffers: readonly Uint8Array[], position: number): Promise<void> {
    const length = buffers.reduce((sum, { length: one }) => sum + one, 0);
    await this.#remember(position, length);
    await this.#file.write(buffers, position);
  }

  read(buffer: Uint8Array, position: number): Promise<number> {
    return this.#file.read(buffer, position);
  }

  async sync(): Promise<void> {
    const upTo = this.#files.entries;
    await this.#file.sync();
    this.#files.synced(this.#path, upTo);
  }

  size(): Promise<number> {
    return this.#file.size();
  }

  async truncate(size: number): Promise<void> {
    const now = await this.#file.size();
    if (size < now) await this.#remember(size, now - size);
    else this.#files.add({ kind: 'write', path: this.#path, at: now, length: size - now, size: now, old: '' });
    await this.#file.truncate(size);
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  /** What stands where something else will. */
  async #remember(at: number, length: number): Promise<void> {
    const size = await this.#file.size();
    const old = Buffer.alloc(Math.max(0, Math.min(length, size - at)));
    if (old.length > 0) {
      const handle = await open(this.#path, 'r');
      await handle.read(old, 0, old.length, at).finally(() => handle.close());
    }
    this.#files.add({ kind: 'write', path: this.#path, at, length, size, old: old.toString('base64') });
  }
}

/**
 * What the disk may hold after the power went. To be called when the process is dead.
 * @returns how many writes and changes of directories were taken back, in part or wholly
 */
export function cutPower(dir: string, random: () => number): number {
  const entries = readFileSync(join(dir, 'journal'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Entry);
  const sectors = new Map<string, boolean>();
  const stopped = new Set<string>();
  let undone = 0;
  for (const entry of unsynced(entries).toReversed()) {
    if (entry === null) continue;
    if (entry.kind === 'write') undone += undoWrite(entry, sectors, random);
    else undone += undoChange(entry, stopped, random);
  }
  return undone;
}

/** Null in place of each that is on the disk. */
function unsynced(entries: readonly Entry[]): (Exclude<Entry, { upTo: number }> | null)[] {
  const synced = new Map<string, number>();
  for (const entry of entries) {
    if ('upTo' in entry) synced.set(`${entry.kind} ${entry.path}`, entry.upTo);
  }
  const isBelow = (kind: string, path: string, i: number) => i < (synced.get(`${kind} ${path}`) ?? 0);
  return entries.map((entry, i) => {
    if ('upTo' in entry) return null;
    if (entry.kind === 'write') return isBelow('sync', entry.path, i) ? null : entry;
    const paths = entry.kind === 'rename' ? [entry.from, entry.to] : [entry.path];
    return paths.some((path) => isBelow('syncDirectory', dirname(path), i)) ? null : entry;
  });
}

/** A sector goes back to its last synced state, or stays. */
function undoWrite(
  { path, at, length, size, old }: Extract<Entry, { kind: 'write' }>,
  sectors: Map<string, boolean>,
  random: () => number,
): number {
  if (!existsSync(path)) return 0;
  const bytes = Buffer.from(old, 'base64');
  const file = openSync(path, 'r+');
  try {
    const now = fstatSync(file).size;
    let undone = 0;
    // Where the file ended before, a sector that is taken back holds zeros.
    const end = Math.min(at + length, Math.max(now, at + bytes.length));
    for (let from = at; from < end; from = (Math.floor(from / SECTOR) + 1) * SECTOR) {
      const name = `${path}:${Math.floor(from / SECTOR)}`;
      const isKept = sectors.get(name) ?? random() < 0.5;
      sectors.set(name, isKept);
      if (isKept) continue;
      const to = Math.min(end, (Math.floor(from / SECTOR) + 1) * SECTOR);
      const piece = Buffer.alloc(to - from);
      if (from - at < bytes.length) bytes.copy(piece, 0, from - at, Math.min(bytes.length, to - at));
      writeSync(file, piece, 0, piece.length, from);
      undone++;
    }
    if (undone > 0 && size < now && random() < 0.3) ftruncateSync(file, size + Math.floor(random() * (now - size)));
    return undone > 0 ? 1 : 0;
  } finally {
    closeSync(file);
  }
}

function undoChange(
  entry: Extract<Entry, { kind: 'create' | 'rename' | 'remove' }>,
  stopped: Set<string>,
  random: () => number,
): number {
  const directory = dirname(entry.kind === 'rename' ? entry.to : entry.path);
  if (stopped.has(directory) || random() < 0.5) {
    stopped.add(directory);
    return 0;
  }
  if (entry.kind === 'create') rmSync(entry.path, { force: true });
  else if (entry.kind === 'remove') linkSync(entry.kept, entry.path);
  else {
    renameSync(entry.to, entry.from);
    if (entry.replaced !== null) linkSync(entry.replaced, entry.to);
  }
  return 1;
}
