import type { DumpedBatch } from '../../contracts/log-tools.ts';
import { printable } from '../../lib/printable.ts';
import type { RunningCommand } from '../command.ts';
import { bytes, counted } from '../format.ts';
import { dataDirOf, INSTANCE_OPTIONS } from '../instance.ts';
import { STOPPED_DETAILS } from '../log-words.ts';

export const logDump: RunningCommand = {
  kind: 'running',
  name: 'log dump',
  summary: 'list every record batch of the log',
  arguments: '',
  details: `A line for each batch: where it lies, how many records it holds and the largest of their times; no keys and values.
With --json each line is a JSON object. ${STOPPED_DETAILS}`,
  options: INSTANCE_OPTIONS,
  maxWords: 0,
  async run(context) {
    const { io, options } = context;
    const dir = await dataDirOf(context);
    const logTools = await (await context.app()).logTools();
    const line = options.json === true ? (batch: DumpedBatch) => JSON.stringify(batch) : words;
    let isRead = true;
    io.onOutputClosed(() => {
      isRead = false;
    });
    for await (const batch of logTools.dump(dir)) {
      io.stdout.write(`${line(batch)}\n`);
      await io.stdout.drained();
      if (!isRead) break;
    }
    return 0;
  },
};

function words({ topic, partition, base, next, bytes: size, records, maxTimestamp, readable }: DumpedBatch): string {
  const place = `${printable(topic)}-${partition}  ${base}–${BigInt(next) - 1n}`;
  if (!readable) return `${place}  cannot be read`;
  return `${place}  ${counted(records, 'record')}  ${bytes(size)}  ${timeOf(maxTimestamp)}`;
}

/** A client may have written any number. */
function timeOf(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? `@${ms}` : date.toISOString();
}
