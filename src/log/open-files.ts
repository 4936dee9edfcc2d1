/** Files that are kept open between uses, the least recently used closed first, so that partitions cost no descriptors. */
import type { Files, OpenFile } from '../lib/files.ts';

interface Entry {
  readonly file: Promise<OpenFile>;
  users: number;
  /** Nobody gets it any more; the last user closes it. */
  retired: boolean;
  readonly closed: PromiseWithResolvers<void>;
  /** Called when it is closed because others were used later. */
  evicted: (() => void) | undefined;
}

export class OpenFiles {
  readonly #files: Files;
  readonly #limit: number;
  /** In order of last use. */
  readonly #entries = new Map<string, Entry>();
  readonly #closing = new Set<Entry>();

  /** @param limit of files that stay open while nobody uses them */
  constructor(files: Files, limit: number) {
    this.#files = files;
    this.#limit = limit;
  }

  get open(): number {
    return this.#entries.size;
  }

  /**
   * Runs with the file, which stays open until `run` has ended.
   * @param evicted called when the file is closed later because others were used since: for what is kept in memory beside it
   */
  async use<T>(path: string, run: (file: OpenFile) => Promise<T>, evicted?: () => void): Promise<T> {
    const entry = this.#entries.get(path) ?? opening(this.#files.open(path, 'existing'));
    entry.evicted ??= evicted;
    return this.#run(path, entry, run);
  }

  /** As `use`, with a file that is made now, durably. Fails where there is one. */
  create<T>(path: string, run: (file: OpenFile) => Promise<T>): Promise<T> {
    return this.#run(path, opening(this.#files.open(path, 'create')), run);
  }

  /** Resolves when nobody uses the file any more and it is closed. */
  async close(path: string): Promise<void> {
    const entry = this.#entries.get(path);
    if (entry === undefined) return;
    this.#retire(path, entry);
    await entry.closed.promise;
  }

  /** Removes the file if there is one; who uses it now goes on. */
  async remove(path: string): Promise<void> {
    const entry = this.#entries.get(path);
    if (entry !== undefined) this.#retire(path, entry);
    await this.#files.remove(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
  }

  async closeAll(): Promise<void> {
    for (const [path, entry] of this.#entries) this.#retire(path, entry);
    await Promise.all([...this.#closing].map(({ closed }) => closed.promise));
  }

  async #run<T>(path: string, entry: Entry, run: (file: OpenFile) => Promise<T>): Promise<T> {
    entry.users++;
    // Moves it to the end.
    this.#entries.delete(path);
    this.#entries.set(path, entry);
    try {
      return await run(await this.#opened(path, entry));
    } finally {
      entry.users--;
      if (entry.retired && entry.users === 0) void this.#close(entry);
      this.#evict();
    }
  }

  async #opened(path: string, entry: Entry): Promise<OpenFile> {
    try {
      return await entry.file;
    } catch (error) {
      // The next use tries again.
      if (this.#entries.get(path) === entry) this.#entries.delete(path);
      throw error;
    }
  }

  #evict(): void {
    if (this.#entries.size <= this.#limit) return;
    for (const [path, entry] of this.#entries) {
      if (entry.users === 0) {
        this.#retire(path, entry);
        entry.evicted?.();
      }
      if (this.#entries.size <= this.#limit) return;
    }
  }

  #retire(path: string, entry: Entry): void {
    this.#entries.delete(path);
    entry.retired = true;
    this.#closing.add(entry);
    if (entry.users === 0) void this.#close(entry);
  }

  /** What was to be durable has been synced: a close that fails loses nothing. */
  async #close(entry: Entry): Promise<void> {
    await entry.file.then((file) => file.close()).catch(() => {});
    this.#closing.delete(entry);
    entry.closed.resolve();
  }
}

function opening(file: Promise<OpenFile>): Entry {
  return { file, users: 0, retired: false, closed: Promise.withResolvers(), evicted: undefined };
}
