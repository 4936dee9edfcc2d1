/** Opens the `file` sink: reads its state and cuts off what an ended session wrote past it. */
import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type OpenSink, type SinkOpenOptions, TailraceError } from '../../src/sdk/index.ts';
import { resumeFrom } from '../../src/sdk/target/positions.ts';
import type { FileConfig } from './config.ts';
import { asSinkError } from './errors.ts';
import { FileSink } from './file-sink.ts';
import { positionsOf, readState, rootOf } from './state-file.ts';

export async function openFile(options: SinkOpenOptions<FileConfig>): Promise<OpenSink> {
  const { config, id } = options;
  const path = resolve(config.path);
  let sink: FileSink | undefined;
  try {
    await mkdir(rootOf(path), { recursive: true });
    const stored = await readState(path);
    if (stored !== null && stored.sink !== id) throw taken(path, stored.sink);
    const positions = stored === null ? [] : positionsOf(stored);
    // Without a state nobody knows what the files hold: nothing is appended twice on a guess.
    const resume = stored === null ? null : resumeFrom(positions, options);
    sink = new FileSink(path, options, positions);
    await sink.recover(stored?.files ?? {});
    return { sink, resume };
  } catch (error) {
    await sink?.close();
    throw asSinkError(error, path);
  }
}

function taken(path: string, owner: string): TailraceError {
  return new TailraceError('sink.not_ready', `${path} belongs to the sink ${owner}`, {
    remedy: 'choose another `path`: a file has one writer',
  });
}
