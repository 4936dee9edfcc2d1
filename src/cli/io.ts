/** What a command may touch of the process: tests give their own. */

export interface Output {
  write(text: string): void;
  /** Resolves when what was written is no longer held in memory, or nobody takes it (Invariant 10). */
  drained(): Promise<void>;
  /** A terminal: colours, and words meant for a person. */
  readonly isTty: boolean;
}

export interface Input {
  readonly isTty: boolean;
  /** Without their line ends, read as they are taken. */
  lines(): AsyncIterable<string>;
}

export interface Io {
  readonly stdin: Input;
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
    stdin: { isTty: process.stdin.isTTY === true, lines: () => linesOf(process.stdin) },
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

/** Longer lines are handed out in pieces of about this size, in UTF-16 code units: what takes them refuses them. */
const MAX_LINE = 8 << 20;

async function* linesOf(stream: NodeJS.ReadStream): AsyncGenerator<string, void, undefined> {
  let rest = '';
  for await (const chunk of stream.setEncoding('utf8') as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield line.replace(/\r$/, '');
    if (rest.length < MAX_LINE) continue;
    yield rest;
    rest = '';
  }
  if (rest !== '') yield rest;
}

function outputOf(stream: NodeJS.WriteStream): Output {
  return {
    write: (text) => void stream.write(text),
    isTty: stream.isTTY === true,
    async drained() {
      if (!stream.writableNeedDrain || stream.destroyed) return;
      await new Promise<void>((resolve) => stream.once('drain', resolve).once('close', resolve).once('error', resolve));
    },
  };
}
