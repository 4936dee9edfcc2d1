/** The other end of a plugin that is killed: a source that feeds it, and a sink that collects what it reads. */
import { type FileHandle, open, readFile } from 'node:fs/promises';
import {
  definePlugin,
  defineSink,
  defineSource,
  type Position,
  type RowWriter,
  type SinkRecord,
  type SourceOutput,
  type TableDescription,
  z,
} from '../../sdk/index.ts';
import { fedChange } from './feed.ts';

/** Changes of one transaction. */
const TRANSACTION = 5;
const PAUSE_MS = 5;
const COLUMNS = ['id', 'a', 'b'];

const TABLE: TableDescription = {
  source: 'kit',
  schema: 'public',
  table: 'rows',
  columns: COLUMNS.map((name) => ({
    name,
    kind: 'text',
    native: 'text',
    nullable: name !== 'id',
    ...(name === 'id' && { keyOrdinal: 1 }),
  })),
};

const feedConfig = z.strictObject({
  limit: z.string().describe('File with the number of changes that may be fed so far; read once.'),
});

const feed = defineSource({
  type: 'kit-feed',
  summary: 'Changes of the acceptance kit.',
  config: feedConfig,
  emits: ['insert', 'update', 'delete'],
  check: async () => [],
  describe: async () => [TABLE],
  open: async ({ config: { limit }, context }) => ({
    async run(from, output, signal) {
      const count = Number(await readFile(limit, 'utf8'));
      for (let next = Number(from?.next ?? 0); next < count && !signal.aborted; ) {
        next = await feedOne(output, next, count);
        await context.clock.sleep(PAUSE_MS, signal).catch(() => {});
      }
      if (signal.aborted) return;
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    },
    acknowledge() {},
    async close() {},
  }),
  teardown: async () => {},
});

/** Resolves to the number of the next change. */
async function feedOne(output: SourceOutput, from: number, count: number): Promise<number> {
  const writer = output.writer(output.register(TABLE));
  const end = Math.min(count, from + TRANSACTION);
  output.begin({ id: String(from), kind: 'stream', timeUs: Date.now() * 1_000, position: String(from) });
  for (let i = from; i < end; i++) writeChange(writer, i);
  output.end({ v: 1, next: end } satisfies Position);
  await output.drain();
  return end;
}

function writeChange(writer: RowWriter, i: number): void {
  const { op, id, a, b } = fedChange(i);
  writer.begin(op);
  writer.side(op === 'd' ? 'before' : 'after');
  for (const [column, text] of [id, a, b].entries()) {
    if (op === 'd' && column > 0) writer.unchanged(column);
    else if (text === null) writer.null(column);
    else writer.text(column, Buffer.from(text), 0, Buffer.byteLength(text));
  }
  writer.end();
}

const collectConfig = z.strictObject({ path: z.string().describe('File of JSON lines.') });

/** Keeps no positions: what is repeated is told by its offset. */
const collect = defineSink({
  type: 'kit-collect',
  summary: 'Records of the acceptance kit.',
  config: collectConfig,
  accepts: ['insert', 'update', 'delete', 'snapshot', 'truncate', 'snapshot-begin', 'snapshot-end'],
  keeps: 'append',
  check: async () => [],
  open: async ({ config: { path } }) => {
    const file: FileHandle = await open(path, 'a');
    return {
      resume: null,
      sink: {
        async write({ records }) {
          await file.appendFile(records.map(lineOf).join(''));
          return [];
        },
        flush: () => file.datasync(),
        close: () => file.close(),
      },
    };
  },
});

function lineOf({ offset, change: { op, key, after } }: SinkRecord): string {
  return `${JSON.stringify({ offset: String(offset), op, key, row: after?.toObject() ?? null })}\n`;
}

export default definePlugin({ api: 1, source: feed, sink: collect });
