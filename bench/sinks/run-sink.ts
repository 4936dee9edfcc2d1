/** Runs one sink over a backlog, in its own process. */
import { fork } from 'node:child_process';
import { built } from '../build.ts';

export interface SinkRun {
  readonly dataDir: string;
  readonly type: string;
  readonly config: unknown;
  /** Names its group: a new name starts at the log's beginning. */
  readonly name: string;
  readonly batch?: { readonly records: number; readonly bytes: number };
}

export interface SinkResult {
  /** From the start of the sink, modules loaded, to the commit of the last record. */
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakRssMb: number;
}

export function runSink(run: SinkRun): Promise<SinkResult> {
  return new Promise((resolve, reject) => {
    const execArgv = process.env.BENCH_CHILD_ARGV?.split(' ') ?? [];
    const child = fork(built('bench/sinks/child.ts'), [JSON.stringify(run)], { execArgv });
    let result: SinkResult | null = null;
    child.once('message', (message) => {
      result = message as SinkResult;
    });
    child.once('exit', (code) => {
      if (code === 0 && result !== null) resolve(result);
      else reject(new Error(`the sink's process ended with ${code}`));
    });
  });
}
