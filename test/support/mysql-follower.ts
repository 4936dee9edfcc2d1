/** The source as the runtime runs it: readers one after the other, each from the position saved by those before. */
import type { SourceOptions } from '../../connectors/mysql/names.ts';
import { MysqlReader } from '../../connectors/mysql/reader.ts';
import { classOf } from '../../src/contracts/errors.ts';
import type { Position } from '../../src/contracts/source.ts';
import { type RecordedTransaction, RecordingOutput } from './recording-output.ts';

const RETRY_MS = 20;

export class MysqlFollower {
  /** Whole transactions, over all readers. */
  readonly transactions: RecordedTransaction[] = [];
  position: Position | null = null;
  /** Readers that broke off with an error of class `retry`. */
  breaks = 0;
  options: SourceOptions;

  constructor(options: SourceOptions) {
    this.options = options;
  }

  /** Reads until the condition holds, asked after each position; what follows is not taken any more. */
  async run(condition: () => boolean): Promise<void> {
    while (!condition()) {
      const error = await this.#readOnce(condition);
      if (error === null) continue;
      if (classOf(error) !== 'retry') throw error;
      this.breaks++;
      await this.options.context.clock.sleep(RETRY_MS);
    }
  }

  async #readOnce(condition: () => boolean): Promise<unknown> {
    const reader = new MysqlReader(this.options);
    const output = new RecordingOutput();
    const abort = new AbortController();
    output.onPosition = (position) => {
      if (abort.signal.aborted) throw new Error('a position after the end');
      this.transactions.push(...output.transactions.splice(0));
      this.position = structuredClone(position);
      if (condition()) abort.abort();
    };
    try {
      await reader.run(this.position, output, abort.signal);
      return null;
    } catch (error) {
      return error;
    } finally {
      await reader.close();
    }
  }
}
