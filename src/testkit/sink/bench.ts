/** A sink with a new target, opened, fed and read back, in short words for the cases. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { SinkManifest } from '../../contracts/plugin.ts';
import { type Change, NOT_SENT } from '../../contracts/row.ts';
import type { TableSchema } from '../../contracts/schema.ts';
import type { OpenSink, Rejection, SinkOpenOptions } from '../../contracts/sink.ts';
import { batch, type Cell, change, column, type LogLine, lineage, openOptions, table } from '../made-changes.ts';
import type { SinkDriver, SinkSettings, SinkTarget, TargetRow } from '../sink-driver.ts';
import type { CaseDefinition } from '../suite.ts';
import { within } from '../within.ts';

/** What a case of a sink is about. */
export interface SinkSubject {
  readonly sink: SinkManifest;
  readonly driver: SinkDriver;
}

export type SinkCase = CaseDefinition<SinkSubject, SinkDriver>;

/** Name of the topic of `KIT_TABLE`. */
export const KIT_TOPIC = 'kit.public.rows';
const COLUMNS = ['id', 'a', 'b'];
const CLOSE_MS = 5_000;

/** Three columns of text; `id` is the key. */
export const KIT_TABLE: TableSchema = table(
  'rows',
  COLUMNS.map((name) => column(name, 'text', 'text', name === 'id' ? { key: 1 } : {})),
  { source: 'kit' },
);

export { NOT_SENT };
export const insert = (version: number, ...after: Cell[]): Change =>
  change(KIT_TABLE, { op: 'insert', version, after });
export const update = (version: number, ...after: Cell[]): Change =>
  change(KIT_TABLE, { op: 'update', version, after });
export const remove = (version: number, id: string): Change =>
  change(KIT_TABLE, { op: 'delete', version, before: [id] });

export interface Session extends OpenSink {
  readonly lines: readonly LogLine[];
}

export type OpenMore = Partial<SinkOpenOptions<unknown>>;

export interface ApplyOptions {
  /** Offset of the first change. */
  readonly from?: number;
  readonly epoch?: number;
}

/** Gives the case an empty target, and removes it afterwards with all that was opened on it. */
export async function onTarget<T>({ sink, driver }: SinkSubject, work: (bench: SinkBench) => Promise<T>): Promise<T> {
  const target = await driver.target();
  const bench = new SinkBench(sink, target);
  try {
    return await work(bench);
  } finally {
    await bench.end();
    await target.remove?.();
  }
}

export class SinkBench {
  readonly target: SinkTarget;
  /** What was logged in all sessions. */
  readonly lines: LogLine[] = [];
  /** Positions of a target that many share are kept by the sink's id. */
  readonly #id = `kit.${randomUUID()}`;
  readonly #sink: SinkManifest;
  readonly #open: OpenSink[] = [];
  readonly #signal = new AbortController();

  constructor(sink: SinkManifest, target: SinkTarget) {
    this.#sink = sink;
    this.target = target;
  }

  /** @param settings absent: those of the target. Throws what does not fit the schema. */
  options(more: OpenMore = {}, settings: SinkSettings = this.target.settings): SinkOpenOptions<unknown> {
    const { lines, ...options } = openOptions<unknown>(this.#sink.config.parse(settings), { id: this.#id, ...more });
    const log = options.context.log;
    const context = {
      ...options.context,
      log: (...line: Parameters<typeof log>) => {
        log(...line);
        this.lines.push(lines.at(-1)!);
      },
    };
    return { ...options, context };
  }

  async session(more: OpenMore = {}): Promise<Session> {
    const from = this.lines.length;
    const opened = await this.#sink.open(this.options(more));
    this.#open.push(opened);
    const lines = () => this.lines.slice(from);
    return {
      ...opened,
      get lines() {
        return lines();
      },
    };
  }

  /** One write and flush; the refused ones. */
  async apply(
    { sink }: OpenSink,
    changes: readonly Change[],
    options: ApplyOptions = {},
  ): Promise<readonly Rejection[]> {
    const { from = 0, epoch = 1 } = options;
    const rejections = await sink.write(batch(changes, { from, epoch, topic: KIT_TOPIC }), this.#signal.signal);
    await sink.flush(this.#signal.signal);
    return rejections;
  }

  /** Applies batch after batch in one session, each in one write and flush; nothing may be refused. */
  async run(...batches: readonly (readonly Change[])[]): Promise<readonly LogLine[]> {
    const opened = await this.session();
    let from = 0;
    for (const changes of batches) {
      const refused = await this.apply(opened, changes, { from });
      assert.deepEqual(refusals(refused), [], 'records were refused');
      from += changes.length;
    }
    await opened.sink.close();
    return opened.lines;
  }

  /** Rows of `KIT_TABLE`: id, a, b; sorted. */
  async rows(): Promise<readonly (readonly (string | null)[])[]> {
    const rows = (await this.target.rows(KIT_TABLE)).map(cells);
    return rows.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  }

  /** Entries of an append sink: what happened, id, a, b. */
  async entries(): Promise<readonly (readonly (string | null)[])[]> {
    return (await this.target.rows(KIT_TABLE)).map((row) => [row.op ?? null, ...cells(row)]);
  }

  async expectRows(expected: readonly (readonly (string | null)[])[], because: string): Promise<void> {
    const rows = await this.rows();
    assert.deepEqual(rows, expected, `${because}${difference(rows, expected)}`);
  }

  /** Ends what the case has left open. */
  async end(): Promise<void> {
    this.#signal.abort();
    for (const { sink } of this.#open) await within(CLOSE_MS, 'close', sink.close()).catch(() => {});
  }
}

function cells({ values }: TargetRow): (string | null)[] {
  return COLUMNS.map((name) => values[name] ?? null);
}

export function difference(actual: unknown, expected: unknown): string {
  return `\n  in the target: ${JSON.stringify(actual)}\n  expected:      ${JSON.stringify(expected)}`;
}

/** Refused records as offset and code. */
export function refusals(rejections: readonly Rejection[]): readonly string[] {
  return rejections.map(({ record, error }) => `${record.offset} ${error.code}`);
}

/** A log that knows these openings; the last one is now. */
export function logOf(...openings: readonly string[]): SinkOpenOptions<unknown>['lineage'] {
  return lineage(openings.at(-1)!, openings);
}

export const keepsRows = ({ sink, driver }: SinkSubject): boolean => (driver.keeps ?? sink.keeps) === 'last-value';

/** For `unfit`: cases of rows that are kept, not of entries. */
export const onlyRows = (subject: SinkSubject): string | null =>
  keepsRows(subject) ? null : 'every change is a new entry';

export const onlyEntries = (subject: SinkSubject): string | null =>
  keepsRows(subject) ? 'one row a key is kept' : null;

type Work = (bench: SinkBench, subject: SinkSubject, signal: AbortSignal) => Promise<unknown>;

/** A case on one target. */
export function sinkCase(id: string, title: string, work: Work, more: Partial<SinkCase> = {}): SinkCase {
  return { id, title, ...more, run: (subject, signal) => onTarget(subject, (bench) => work(bench, subject, signal)) };
}

/** A case on one target of a sink that keeps the last value of each row. */
export function rowCase(id: string, title: string, work: Work, more: Partial<SinkCase> = {}): SinkCase {
  return sinkCase(id, title, work, { unfit: onlyRows, ...more });
}
