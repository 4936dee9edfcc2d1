/** The disk with faults at chosen calls: what a log must survive. */
import type { Files, OpenFile } from '../../src/lib/files.ts';

export interface Call {
  readonly kind: 'write' | 'sync';
  readonly path: string;
}

/** Called before each write and sync; `cut`: half of the write reaches the file, then it and every later call fail. */
export type Fault = (call: Call) => undefined | 'cut' | Promise<void>;

export class FaultyFiles implements Files {
  readonly #disk: Files;
  readonly #fault: Fault;
  readonly #open = new Set<OpenFile>();
  #cut = false;

  constructor(disk: Files, fault: Fault) {
    this.#disk = disk;
    this.#fault = fault;
  }

  async open(path: string, mode: 'existing' | 'create' | 'read'): Promise<OpenFile> {
    this.#check();
    const file = await this.#disk.open(path, mode);
    this.#open.add(file);
    return {
      read: (buffer, position) => file.read(buffer, position),
      size: () => file.size(),
      truncate: (size) => file.truncate(size),
      close: () => {
        this.#open.delete(file);
        return file.close();
      },
      sync: async () => {
        await this.#before({ kind: 'sync', path });
        await file.sync();
      },
      write: async (buffers, position) => {
        if ((await this.#before({ kind: 'write', path })) === 'cut') {
          const all = Buffer.concat(buffers);
          await file.write([all.subarray(0, all.length >> 1)], position);
          throw failure('EIO');
        }
        await file.write(buffers, position);
      },
    };
  }

  async rename(from: string, to: string): Promise<void> {
    this.#check();
    await this.#disk.rename(from, to);
  }

  async remove(path: string): Promise<void> {
    this.#check();
    await this.#disk.remove(path);
  }

  list(path: string): Promise<readonly string[]> {
    return this.#disk.list(path);
  }

  makeDirectory(path: string): Promise<void> {
    return this.#disk.makeDirectory(path);
  }

  async removeDirectory(path: string): Promise<void> {
    this.#check();
    await this.#disk.removeDirectory(path);
  }

  syncDirectory(path: string): Promise<void> {
    return this.#disk.syncDirectory(path);
  }

  /** As the end of a process does. */
  async closeAll(): Promise<void> {
    for (const file of this.#open) await file.close();
    this.#open.clear();
  }

  async #before(call: Call): Promise<'cut' | undefined> {
    this.#check();
    const outcome = await this.#fault(call);
    if (outcome !== 'cut') return undefined;
    this.#cut = true;
    if (call.kind === 'sync') throw failure('EIO');
    return 'cut';
  }

  #check(): void {
    if (this.#cut) throw failure('EIO');
  }
}

export function failure(code: string): Error {
  return Object.assign(new Error(code), { code });
}
