/** Canonical texts of single columns, from what writes them into a record. */
import type { RowWriter } from '../../src/sdk/index.ts';

/** Takes one text after another in place of a record. */
export class KeyTexts implements RowWriter {
  #texts: string[] = [];

  /** Those since the last call. */
  take(): string[] {
    const texts = this.#texts;
    this.#texts = [];
    return texts;
  }

  text(_column: number, buf: Uint8Array, from: number, to: number): void {
    this.#texts.push((buf as Buffer).toString('utf8', from, to));
  }

  /** Text that is not valid in its character set: equal only to itself. */
  json(column: number, buf: Uint8Array, from: number, to: number): void {
    this.text(column, buf, from, to);
  }

  null(): void {
    this.#texts.push('');
  }

  unchanged(): void {
    this.#texts.push('');
  }

  begin(): void {}
  side(): void {}
  end(): void {}
}

/** One text for a key: none of the parts can be taken for two. */
export const keyText = (key: readonly string[]): string => (key.length === 1 ? key[0]! : JSON.stringify(key));
