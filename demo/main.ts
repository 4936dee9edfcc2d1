/** `tailrace demo …` */
import { exitCodeOf, TailraceError } from '../src/contracts/errors.ts';
import type { Output } from './live-table.ts';
import { demoOptions, HELP } from './options.ts';

export interface DemoIo {
  readonly stdout: Output;
  readonly stderr: Output;
}

/** Resolves to the exit code: 0 ok, 2 wrong arguments, 3 something is missing, 4 a store does not equal the shop. */
export async function runDemo(args: readonly string[], io: DemoIo = process): Promise<number> {
  try {
    const options = demoOptions(args);
    if (options.help) {
      io.stdout.write(HELP);
      return 0;
    }
    if (!options.verify) return await (await import('./live.ts')).runLive(options, io.stdout);
    return await (await import('./verify.ts')).runVerification(options, io.stdout);
  } catch (error) {
    const known = error instanceof TailraceError;
    const text = known ? `${error.code}: ${error.message}` : error instanceof Error ? error.stack : String(error);
    io.stderr.write(`${text}\n${known && error.remedy !== undefined ? `  ${error.remedy}\n` : ''}`);
    return exitCodeOf(error);
  }
}
