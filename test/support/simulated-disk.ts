/**
 * A disk in memory that remembers what is not yet synced, so that a test can cut the power at any moment.
 *
 * Legal after a power loss, and drawn at random for an image: of the writes to a file since its last sync, any subset of
 * their 512-byte sectors, each with the last of its states or an earlier one; any file size between; of the changes to a
 * directory since its last sync, any subset that keeps the order of changes to one name. What was synced is there.
 */
import { basename, dirname } from 'node:path';
import type { Files, OpenFile } from '../../src/lib/files.ts';

const SECTOR = 512;

interface Write {
  readonly position: number;
  readonly bytes: Uint8Array;
}

interface Inode {
  data: Buffer;
  size: number;
  /** As of the last sync. */
  durable: Buffer;
  pending: (Write | { readonly truncate: number })[];
}

/** Names that change together: the inode, or null for a removed entry. */
interface Change {
  readonly names: ReadonlyMap<string, Inode | null>;
  /** A rename between directories has a half in each; file systems with a journal keep both or neither. */
  readonly transaction: object;
}

interface Directory {
  entries: Map<string, Inode>;
  durable: Map<string, Inode>;
  /** Since the last sync, in order. */
  pending: Change[];
}

export interface Fault {
  /** The call: `write`, `sync`, `read`, `open`, `create`, `rename`, `remove`, `truncate`, `syncDirectory`. */
  readonly call: string;
  readonly path: string;
  readonly bytes: number;
  /** Of a `write`: by how much the file grows. */
  readonly grows?: number;
}

export class SimulatedDisk implements Files {
  readonly #directories = new Map<string, Directory>();
  /** Called after each change; the place to take images. */
  onChange: (what: Fault) => void = () => {};
  /** Called before each call; what it throws is the call's result. A number for a `write`: only so many bytes are written, then ENOSPC. */
  fault: (what: Fault) => number | undefined = () => undefined;
  /** Resolved before a sync takes effect; lets a test hold syncs back. */
  beforeSync: (path: string) => Promise<void> | undefined = () => undefined;

  async open(path: string, mode: 'existing' | 'create' | 'read'): Promise<OpenFile> {
    await null;
    this.fault({ call: mode === 'create' ? 'create' : 'open', path, bytes: 0 });
    const directory = this.#directory(dirname(path));
    const found = directory.entries.get(basename(path));
    if (mode !== 'create') {
      if (found === undefined) throw systemError('ENOENT', path);
      return new SimulatedFile(this, path, found);
    }
    if (found !== undefined) throw systemError('EEXIST', path);
    const inode: Inode = { data: Buffer.alloc(0), size: 0, durable: Buffer.alloc(0), pending: [] };
    this.#change(directory, new Map([[basename(path), inode]]));
    this.onChange({ call: 'create', path, bytes: 0 });
    await this.syncDirectory(dirname(path));
    return new SimulatedFile(this, path, inode);
  }

  async rename(from: string, to: string): Promise<void> {
    await null;
    this.fault({ call: 'rename', path: from, bytes: 0 });
    const source = this.#directory(dirname(from));
    const inode = source.entries.get(basename(from));
    if (inode === undefined) throw systemError('ENOENT', from);
    const target = this.#directory(dirname(to));
    if (source === target) {
      const change = new Map<string, Inode | null>([
        [basename(from), null],
        [basename(to), inode],
      ]);
      this.#change(source, change);
    } else {
      const transaction = {};
      this.#change(target, new Map([[basename(to), inode]]), transaction);
      this.#change(source, new Map([[basename(from), null]]), transaction);
    }
    this.onChange({ call: 'rename', path: from, bytes: 0 });
  }

  async remove(path: string): Promise<void> {
    await null;
    this.fault({ call: 'remove', path, bytes: 0 });
    const directory = this.#directory(dirname(path));
    if (!directory.entries.has(basename(path))) throw systemError('ENOENT', path);
    this.#change(directory, new Map([[basename(path), null]]));
    this.onChange({ call: 'remove', path, bytes: 0 });
  }

  async list(path: string): Promise<readonly string[]> {
    await null;
    const inside = this.#directories.get(path)?.entries.keys() ?? [];
    const below = [...this.#directories.keys()].filter((name) => dirname(name) === path).map((name) => basename(name));
    return [...inside, ...below].sort();
  }

  /** Directories are made durably at once: an empty one more or less after a crash changes nothing. */
  async makeDirectory(path: string): Promise<void> {
    await null;
    this.#makeDirectory(path);
  }

  /** Durably at once, with what was removed from it: a power loss could leave more, which a log that starts removes again. */
  async removeDirectory(path: string): Promise<void> {
    await null;
    this.fault({ call: 'removeDirectory', path, bytes: 0 });
    const directory = this.#directories.get(path);
    if (directory === undefined || directory.entries.size > 0) return;
    this.#directories.delete(path);
    this.onChange({ call: 'removeDirectory', path, bytes: 0 });
  }

  async syncDirectory(path: string): Promise<void> {
    await null;
    this.fault({ call: 'syncDirectory', path, bytes: 0 });
    const directory = this.#directory(path);
    const transactions = new Set(directory.pending.map(({ transaction }) => transaction));
    for (const other of this.#directories.values()) {
      other.pending = other.pending.filter(({ names, transaction }) => {
        const synced = other === directory || transactions.has(transaction);
        if (synced) apply(other.durable, names);
        return !synced;
      });
    }
    this.onChange({ call: 'syncDirectory', path, bytes: 0 });
  }

  /** The disk as a kill leaves it: everything that was written. */
  copy(): SimulatedDisk {
    return this.#image(
      (inode) => inode.data.subarray(0, inode.size),
      ({ entries }) => entries,
    );
  }

  /** The disk after a power loss now. @param random uniform in [0, 1) */
  afterPowerLoss(random: () => number): SimulatedDisk {
    const kept = new Map<object, boolean>();
    return this.#image(
      (inode) => survivingData(inode, random),
      (directory) => survivingEntries(directory, random, kept),
    );
  }

  /** Bytes of a file as written, changeable in place; undefined when there is none. */
  bytes(path: string): Buffer | undefined {
    const inode = this.#directories.get(dirname(path))?.entries.get(basename(path));
    return inode?.data.subarray(0, inode.size);
  }

  /** Paths of all files, sorted. */
  paths(): string[] {
    return [...this.#directories]
      .flatMap(([dir, { entries }]) => [...entries.keys()].map((name) => `${dir}/${name}`))
      .sort();
  }

  /** Of all files that have a name. */
  get usedBytes(): number {
    let used = 0;
    for (const { entries } of this.#directories.values()) for (const { size } of entries.values()) used += size;
    return used;
  }

  truncateFile(path: string, size: number): void {
    this.#directories.get(dirname(path))!.entries.get(basename(path))!.size = size;
  }

  write(path: string, inode: Inode, buffers: readonly Uint8Array[], position: number): void {
    const bytes = Buffer.concat(buffers);
    const grows = Math.max(0, position + bytes.length - inode.size);
    const limit = this.fault({ call: 'write', path, bytes: bytes.length, grows });
    const written = limit === undefined ? bytes : bytes.subarray(0, limit);
    put(inode, written, position);
    inode.pending.push({ position, bytes: written });
    this.onChange({ call: 'write', path, bytes: written.length });
    if (written.length < bytes.length) throw systemError('ENOSPC', path);
  }

  #makeDirectory(path: string): Directory {
    const found = this.#directories.get(path);
    if (found !== undefined) return found;
    if (dirname(path) !== path) this.#makeDirectory(dirname(path));
    const made: Directory = { entries: new Map(), durable: new Map(), pending: [] };
    this.#directories.set(path, made);
    return made;
  }

  #directory(path: string): Directory {
    const found = this.#directories.get(path);
    if (found === undefined) throw systemError('ENOENT', path);
    return found;
  }

  #change(directory: Directory, names: ReadonlyMap<string, Inode | null>, transaction: object = {}): void {
    apply(directory.entries, names);
    directory.pending.push({ names, transaction });
  }

  #image(
    dataOf: (inode: Inode) => Buffer,
    entriesOf: (directory: Directory) => ReadonlyMap<string, Inode>,
  ): SimulatedDisk {
    const image = new SimulatedDisk();
    const copies = new Map<Inode, Inode>();
    for (const [path, directory] of this.#directories) {
      const made = image.#makeDirectory(path);
      for (const [name, inode] of entriesOf(directory)) {
        let copied = copies.get(inode);
        if (copied === undefined) {
          const data = Buffer.from(dataOf(inode));
          copied = { data, size: data.length, durable: Buffer.from(data), pending: [] };
          copies.set(inode, copied);
        }
        made.entries.set(name, copied);
        made.durable.set(name, copied);
      }
    }
    return image;
  }
}

class SimulatedFile implements OpenFile {
  readonly #disk: SimulatedDisk;
  readonly #path: string;
  readonly #inode: Inode;

  constructor(disk: SimulatedDisk, path: string, inode: Inode) {
    this.#disk = disk;
    this.#path = path;
    this.#inode = inode;
  }

  async write(buffers: readonly Uint8Array[], position: number): Promise<void> {
    await null;
    this.#disk.write(this.#path, this.#inode, buffers, position);
  }

  async read(buffer: Uint8Array, position: number): Promise<number> {
    await null;
    this.#disk.fault({ call: 'read', path: this.#path, bytes: buffer.length });
    const { data, size } = this.#inode;
    const count = Math.max(0, Math.min(buffer.length, size - position));
    buffer.set(data.subarray(position, position + count));
    return count;
  }

  async sync(): Promise<void> {
    const upTo = this.#inode.pending.length;
    await null;
    await this.#disk.beforeSync(this.#path);
    this.#disk.fault({ call: 'sync', path: this.#path, bytes: 0 });
    // Only what had been written when the call began is promised.
    const synced = this.#inode.pending.splice(0, upTo);
    this.#inode.durable = replayed(this.#inode.durable, synced);
    this.#disk.onChange({ call: 'sync', path: this.#path, bytes: 0 });
  }

  async size(): Promise<number> {
    await null;
    return this.#inode.size;
  }

  async truncate(size: number): Promise<void> {
    await null;
    this.#disk.fault({ call: 'truncate', path: this.#path, bytes: size });
    resize(this.#inode, size);
    this.#inode.pending.push({ truncate: size });
    this.#disk.onChange({ call: 'truncate', path: this.#path, bytes: size });
  }

  async close(): Promise<void> {
    await null;
  }
}

export function systemError(code: string, path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}

function apply(entries: Map<string, Inode>, change: ReadonlyMap<string, Inode | null>): void {
  for (const [name, inode] of change) {
    if (inode === null) entries.delete(name);
    else entries.set(name, inode);
  }
}

function put(inode: Inode, bytes: Uint8Array, position: number): void {
  const end = position + bytes.length;
  if (end > inode.size) resize(inode, end);
  inode.data.set(bytes, position);
}

function resize(inode: Inode, size: number): void {
  if (size > inode.data.length) {
    const grown = Buffer.alloc(Math.max(size, inode.data.length * 2));
    inode.data.copy(grown, 0, 0, inode.size);
    inode.data = grown;
  } else if (size < inode.size) inode.data.fill(0, size, inode.size);
  inode.size = size;
}

function replayed(durable: Buffer, changes: Inode['pending']): Buffer {
  const inode: Inode = { data: durable, size: durable.length, durable, pending: [] };
  for (const change of changes) {
    if ('truncate' in change) resize(inode, change.truncate);
    else put(inode, change.bytes, change.position);
  }
  return inode.data.subarray(0, inode.size);
}

/** The synced bytes, and of each later write each sector or not; the first sector that a write tears may be torn inside. */
function survivingData(inode: Inode, random: () => number): Buffer {
  const image: Inode = {
    data: Buffer.from(inode.durable),
    size: inode.durable.length,
    durable: inode.durable,
    pending: [],
  };
  // Often all or nothing of the last writes: the rarest state by chance, and the likeliest in the field.
  const keep = random() < 0.2 ? 1 : random() < 0.25 ? 0 : random();
  for (const change of inode.pending) {
    if ('truncate' in change) {
      if (random() < keep) resize(image, change.truncate);
      continue;
    }
    const { position, bytes } = change;
    // A size that went to disk before its data.
    if (random() < 0.1 && position + bytes.length > image.size) resize(image, position + bytes.length);
    for (let at = 0; at < bytes.length; ) {
      const end = Math.min(bytes.length, at + SECTOR - ((position + at) % SECTOR));
      if (random() < keep) put(image, bytes.subarray(at, end), position + at);
      at = end;
    }
  }
  return image.data.subarray(0, image.size);
}

function survivingEntries(directory: Directory, random: () => number, kept: Map<object, boolean>): Map<string, Inode> {
  const entries = new Map(directory.durable);
  const lost = new Set<string>();
  const chance = random();
  for (const { names, transaction } of directory.pending) {
    // A name whose earlier change is lost has no later one either.
    const keep = kept.get(transaction) ?? (random() < chance && ![...names.keys()].some((name) => lost.has(name)));
    kept.set(transaction, keep);
    if (keep) apply(entries, names);
    else for (const name of names.keys()) lost.add(name);
  }
  return entries;
}
