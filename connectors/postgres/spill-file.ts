/**
 * Bytes of one transaction on disk, in blocks of whole records. They are encrypted under a key that only this process has:
 * what a transform of the source drops or masks must not reach the disk, and that is not known before the transaction has
 * committed (docs/decisions/2026-11-25-transactions-that-still-run.md). A block that was damaged does not decrypt.
 *
 *   block: ciphertext · 16 bytes of AES-GCM tag; the nonce is the number of the block in its space
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { OpenFile } from '../../src/lib/files.ts';

const ALGORITHM = 'aes-256-gcm';
const TAG_BYTES = 16;
const NONCE_BYTES = 12;

interface Block {
  /** In the file. */
  readonly at: number;
  /** In the content. */
  readonly from: number;
  readonly bytes: number;
  readonly number: number;
}

export interface SpillFileOptions {
  readonly file: OpenFile;
  readonly key: Buffer;
  /** A number that no other block under the key has. */
  readonly nextNumber: () => number;
  /** Removes the file from its directory. */
  readonly remove: () => Promise<void>;
}

export class SpillFile {
  readonly #options: SpillFileOptions;
  readonly #blocks: Block[] = [];
  #fileBytes = 0;
  #bytes = 0;

  constructor(options: SpillFileOptions) {
    this.#options = options;
  }

  /** Content written so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** May be repeated after it has failed. */
  async append(content: Buffer): Promise<void> {
    const { file, key, nextNumber } = this.#options;
    const number = nextNumber();
    const cipher = createCipheriv(ALGORITHM, key, nonce(number));
    const parts = [cipher.update(content), cipher.final(), cipher.getAuthTag()];
    await file.write(parts, this.#fileBytes);
    this.#blocks.push({ at: this.#fileBytes, from: this.#bytes, bytes: content.length, number });
    this.#fileBytes += content.length + TAG_BYTES;
    this.#bytes += content.length;
  }

  /** Forgets the block that `offset` lies in and those behind it; resolves to what the block held before the offset. */
  async cut(offset: number): Promise<Buffer> {
    const index = this.#blocks.findLastIndex(({ from }) => from <= offset);
    const block = this.#blocks[index]!;
    const kept = (await this.#read(block)).subarray(0, offset - block.from);
    this.#blocks.length = index;
    this.#fileBytes = block.at;
    this.#bytes = block.from;
    return kept;
  }

  /** The blocks in order. Each is good until the next is asked for. */
  async *read(): AsyncGenerator<Buffer> {
    for (const block of this.#blocks) yield await this.#read(block);
  }

  /** Rejects when the bytes are not those that were written. */
  async #read({ at, bytes, number }: Block): Promise<Buffer> {
    const { file, key } = this.#options;
    const stored = Buffer.allocUnsafeSlow(bytes + TAG_BYTES);
    if ((await file.read(stored, at)) < stored.length) throw new Error('the file is shorter than what was written');
    const decipher = createDecipheriv(ALGORITHM, key, nonce(number));
    decipher.setAuthTag(stored.subarray(bytes));
    const content = decipher.update(stored.subarray(0, bytes));
    decipher.final();
    return content;
  }

  async remove(): Promise<void> {
    const { file, remove } = this.#options;
    await file.close();
    await remove();
  }
}

function nonce(number: number): Buffer {
  const bytes = Buffer.alloc(NONCE_BYTES);
  bytes.writeBigUInt64BE(BigInt(number), NONCE_BYTES - 8);
  return bytes;
}
