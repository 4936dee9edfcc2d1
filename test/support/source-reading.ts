/** A source's reader at work in a test, whatever the system. */
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { ConnectorContext } from '../../src/contracts/plugin.ts';
import type { Position, SourceReader } from '../../src/contracts/source.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { RecordingOutput } from './recording-output.ts';

export interface Reading<R extends SourceReader> {
  readonly reader: R;
  readonly output: RecordingOutput;
  /** What ended it: an error, or null after `stop`. */
  readonly failed: Promise<unknown>;
  /** Resolves once the condition holds; throws what ended the reader before that. */
  until(condition: () => boolean): Promise<void>;
  stop(): Promise<void>;
}

/** Starts the reader. It ends with the test. */
export function startReading<R extends SourceReader>(
  reader: R,
  output: RecordingOutput,
  from: Position | null,
): Reading<R> {
  const abort = new AbortController();
  const failed = reader.run(from, output, abort.signal).then(
    () => null,
    (error: unknown) => error,
  );
  const stop = async () => {
    abort.abort();
    await failed;
    await reader.close();
  };
  onTestFinished(stop);
  const until = async (condition: () => boolean) => {
    const ended = failed.then((error) => {
      throw error ?? new Error('the reader was stopped');
    });
    await Promise.race([output.until(condition), ended]);
  };
  return { reader, output, failed, until, stop };
}

const scratch = join(tmpdir(), `tailrace-scratch-${process.pid}`);
process.once('exit', () => rmSync(scratch, { recursive: true, force: true }));

/** What a source gets besides its configuration, for one with these tables. */
export function readingOptions(name: string, tables: readonly string[]) {
  const context: ConnectorContext = {
    log: () => {},
    clock: systemClock,
    failpoint: () => {},
    random: Math.random,
    scratch,
  };
  return { name, instance: 'test', tables, snapshot: 'initial' as const, context };
}
