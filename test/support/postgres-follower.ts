/** The source as the runtime runs it: readers one after the other, each from the position saved by those before. */
import type { SourceOptions } from '../../connectors/postgres/names.ts';
import { PostgresReader } from '../../connectors/postgres/reader.ts';
import { classOf } from '../../src/contracts/errors.ts';
import type { Position } from '../../src/contracts/source.ts';
import { type RecordedTransaction, RecordingOutput } from './recording-output.ts';

const RETRY_MS = 20;

export class Follower {
  /** Whole transactions, over all readers. */
  readonly transactions: RecordedTransaction[] = [];
  position: Position | null = null;
  /** Readers that broke off with an error of class `retry`. */
  breaks = 0;
  /** Of an acknowledged position, called after the reader was told. */
  onPosition: () => void = () => {};
  /** What `drain` answers: holds up the reading. */
  onDrain: () => Promise<void> | undefined = () => undefined;
  readonly #options: SourceOptions;
  readonly #saves: (unsaved: readonly RecordedTransaction[]) => boolean;

  /** @param saves asked for each position: is it durable? What follows the last that is, is lost when a reader ends. */
  constructor(options: SourceOptions, saves: (unsaved: readonly RecordedTransaction[]) => boolean = () => true) {
    this.#options = options;
    this.#saves = saves;
  }

  /**
   * Reads until the condition holds, asked after each transaction and heartbeat; what follows is not taken any more.
   * Errors that pass are retried; others are thrown.
   */
  async run(condition: () => boolean): Promise<void> {
    while (!condition()) {
      const error = await this.#readOnce(condition);
      if (error === null) continue;
      if (classOf(error) !== 'retry') throw error;
      this.breaks++;
      await this.#options.context.clock.sleep(RETRY_MS);
    }
  }

  async #readOnce(condition: () => boolean): Promise<unknown> {
    const reader = new PostgresReader(this.#options);
    const output = new RecordingOutput();
    const abort = new AbortController();
    output.onDrain = () => this.onDrain();
    output.onPosition = (position) => {
      if (abort.signal.aborted) throw new Error('a position after the end');
      if (!this.#saves(output.transactions)) return;
      this.transactions.push(...output.transactions.splice(0));
      this.position = structuredClone(position);
      reader.acknowledge(position);
      this.onPosition();
      if (condition()) abort.abort();
    };
    try {
      if (this.position !== null) reader.acknowledge(this.position);
      await reader.run(this.position, output, abort.signal);
      return null;
    } catch (error) {
      return error;
    } finally {
      await reader.close();
    }
  }
}

/** Equal for two readings of the same transaction. */
export function transactionText({ id, kind, timeUs, position, rows, markers }: RecordedTransaction): string {
  const texts = rows.map(({ table, op, before, after }) => `${table} ${op} ${show(before)} ${show(after)}`);
  if (kind === 'snapshot') return [`snapshot ${markers.join(' ')}`, ...texts.sort()].join('\n');
  return [`${kind} ${id} ${timeUs} ${position} ${markers.join(' ')}`, ...texts].join('\n');
}

/** Tells "not sent" from NULL. */
function show(side: object | null): string {
  return JSON.stringify(side, (_, value) => (value === undefined ? { notSent: true } : value));
}
