/** What a command may touch of the process: tests give their own. */

export interface Output {
  write(text: string): void;
  /** A terminal: colours, and words meant for a person. */
  readonly isTty: boolean;
}

export interface Io {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Calls the handler at each SIGINT and SIGTERM until the returned function is called. */
  onSignal(handler: (signal: 'SIGINT' | 'SIGTERM') => void): () => void;
  /** Calls the handler once when nobody reads standard output any more. */
  onOutputClosed(handler: () => void): void;
  /** Ends the process at once. */
  exit(code: number): void;
}

/** The real process. Output after the reader has gone away is dropped: `tailrace topics | head` is no error. */
export function processIo(): Io {
  let outputClosed = () => {};
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      if (stream === process.stdout) outputClosed();
    });
  }
  return {
    stdout: outputOf(process.stdout),
    stderr: outputOf(process.stderr),
    cwd: process.cwd(),
    env: process.env,
    onSignal(handler) {
      process.on('SIGINT', handler).on('SIGTERM', handler);
      return () => process.off('SIGINT', handler).off('SIGTERM', handler);
    },
    onOutputClosed(handler) {
      outputClosed = () => {
        outputClosed = () => {};
        handler();
      };
    },
    exit: (code) => process.exit(code),
  };
}

function outputOf(stream: NodeJS.WriteStream): Output {
  return { write: (text) => void stream.write(text), isTty: stream.isTTY === true };
}
