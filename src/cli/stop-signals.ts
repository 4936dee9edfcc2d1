/** SIGINT and SIGTERM: the first asks to stop, a later one forces. */
import type { Io } from './io.ts';

/** Ctrl-C in a terminal reaches the process directly and again through a launcher that forwards it. */
const SAME_SIGNAL_MS = 500;
const FORCED = { SIGINT: 130, SIGTERM: 143 } as const;

export class StopSignals {
  /** Resolves at the first signal, or when nobody reads the output any more. */
  readonly asked: Promise<string>;
  readonly release: () => void;

  constructor(io: Io) {
    let ask: (why: string) => void = () => {};
    this.asked = new Promise((resolve) => {
      ask = resolve;
    });
    let firstMs: number | null = null;
    io.onOutputClosed(() => ask('nobody reads the output'));
    this.release = io.onSignal((signal) => {
      const now = performance.now();
      if (firstMs === null) {
        firstMs = now;
        ask(signal);
      } else if (now - firstMs > SAME_SIGNAL_MS) {
        io.exit(FORCED[signal]);
      }
    });
  }
}
