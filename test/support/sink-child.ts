/**
 * A process that feeds one sink and may die at a failpoint: `node sink-child.ts '{"type":…}'`. It resumes where the target
 * says, applies numbered inserts and updates in batches up to `total`, and exits 0. A write that fails ends it with 1 and the
 * error's code on stdout.
 */
import { connectors } from '../../connectors/index.ts';
import { TailraceError } from '../../src/contracts/errors.ts';
import { failpointFrom } from '../../src/lib/failpoint.ts';
import { batch, change, column, openOptions, table } from './changes.ts';

export interface ChildJob {
  readonly type: string;
  readonly config: unknown;
  readonly total: number;
  readonly size: number;
  readonly epoch: number;
  /** Stops itself (SIGSTOP), once, before the batch that starts here. */
  readonly stopAt?: number;
}

const ITEMS = table('items', [column('id', 'int32', 'integer', { key: 1 }), column('n', 'int32', 'integer')]);

/** Change `i` of the job: rows 0 … 9 in turn, `n` counts up. */
function item(i: number) {
  return change(ITEMS, { op: i < 10 ? 'insert' : 'update', version: i + 1, after: [i % 10, i] });
}

async function main({ type, config, total, size, epoch, stopAt }: ChildJob): Promise<void> {
  const sink = (await connectors[type]?.())?.sink;
  if (sink === undefined) throw new TailraceError('internal.bug', `no sink ${type}`);
  const { lines, ...options } = openOptions<unknown>(sink.config.parse(config));
  const context = { ...options.context, failpoint: failpointFrom(process.env.TAILRACE_FAILPOINT) };
  const { sink: target, resume } = await sink.open({ ...options, context });
  const signal = new AbortController().signal;
  for (let at = Number(resume?.[0]?.next ?? 0); at < total; at += size) {
    if (at === stopAt) process.kill(process.pid, 'SIGSTOP');
    const changes = Array.from({ length: Math.min(size, total - at) }, (_, i) => item(at + i));
    await target.write(batch(changes, { from: at, epoch }), signal);
    await target.flush(signal);
    context.failpoint('sink.after-flush');
  }
  await target.close();
}

try {
  await main(JSON.parse(process.argv[2]!) as ChildJob);
} catch (error) {
  if (error instanceof TailraceError) process.stdout.write(`${error.code}\n`);
  throw error;
}
