/** Rows into the target: in their order, never an older one over a newer one, and each batch with the position behind it. */
import { access, constants } from 'node:fs/promises';
import { dirname } from 'node:path';
import {
  checkEpoch,
  DELETED_HOLD_MS,
  documentMembers,
  type Finding,
  type FoldedRow,
  foldRows,
  GrowingBytes,
  KnownPositions,
  mergePositions,
  type OpenSink,
  RefusedRows,
  type Rejection,
  resolveLayers,
  resumeFrom,
  type Sink,
  type SinkBatch,
  type SinkOpenOptions,
  type SinkPositions,
  SinkSession,
  stepsOf,
  type TableSchema,
  TailraceError,
  writeDocument,
} from 'tailrace/sdk';
import type { Config } from './config.ts';
import { Store } from './store.ts';

type Options = SinkOpenOptions<Config>;

/** For `tailrace check`. Changes nothing. */
export async function check({ config: { path } }: Options): Promise<readonly Finding[]> {
  try {
    await access(dirname(path), constants.W_OK);
    return [{ level: 'ok', message: 'the directory of the file can be written' }];
  } catch {
    const remedy = 'make it, or let the user that runs Tailrace write to it';
    return [{ level: 'problem', message: 'the directory of the file cannot be written', remedy, path: ['path'] }];
  }
}

export async function open(options: Options): Promise<OpenSink> {
  let store: Store | undefined;
  try {
    store = new Store(options.config.path);
    const stored = store.positions(options.id);
    // Throws when another log has written to this target: it may hold newer rows than this one knows.
    const resume = resumeFrom(stored, options);
    return { sink: new TemplateSink(store, new KnownPositions(stored, options.generation), options), resume };
  } catch (error) {
    store?.close();
    throw error instanceof TailraceError ? error : unreachable(error);
  }
}

/** Class `retry`: the runtime opens the sink again, later, and repeats from the last position. */
function unreachable(cause: unknown): TailraceError {
  return new TailraceError('sink.unreachable', 'the file cannot be opened or written', {
    remedy: 'mend `path`, or the rights of its directory',
    cause,
  });
}

class TemplateSink implements Sink {
  readonly #store: Store;
  readonly #known: KnownPositions;
  readonly #options: Options;
  /** After a throw the session is over. */
  readonly #session = new SinkSession((error) => (error instanceof TailraceError ? error : unreachable(error)));
  readonly #scratch = new GrowingBytes();
  #isOpen = false;
  #hasBegun = false;
  #next: SinkPositions | null = null;
  #incomplete = 0;

  constructor(store: Store, known: KnownPositions, options: Options) {
    this.#store = store;
    this.#known = known;
    this.#options = options;
  }

  write(batch: SinkBatch, signal: AbortSignal): Promise<readonly Rejection[]> {
    return this.#session.run(async () => {
      if (batch.records.length === 0 && this.#known.changed(batch.next).length === 0) return [];
      if (!this.#isOpen) this.#begin(batch.epoch);
      // A row that the target will never accept goes here: refused.reject(record, new TailraceError('sink.rejected', …)).
      const refused = new RefusedRows();
      for (const step of stepsOf(batch.records)) {
        signal.throwIfAborted();
        const table = tableName(step.table);
        if (step.kind === 'sweep') {
          if (step.below > this.#store.floor(table)) {
            this.#store.sweep(table, step.below, refused.sparedBy(step.change));
          }
          continue;
        }
        // What lies below the floor was removed by a truncate or the end of a snapshot, and stays so.
        const floor = this.#store.floor(table);
        const live = step.records.filter(({ change }) => change.version >= floor);
        for (const row of foldRows(live)) this.#apply(table, row);
      }
      this.#report();
      this.#next = mergePositions(this.#next, batch.next);
      return refused.rejections;
    });
  }

  flush(): Promise<void> {
    return this.#session.run(async () => {
      const { id, lineage, generation, context } = this.#options;
      context.failpoint('sink.before-flush');
      if (!this.#isOpen) return;
      const next = this.#next ?? [];
      this.#store.setPositions(id, next, lineage.current, generation);
      this.#store.forget(context.clock.now() - DELETED_HOLD_MS);
      this.#store.commit();
      this.#known.remember(next);
      this.#next = null;
      this.#isOpen = false;
    });
  }

  async close(): Promise<void> {
    this.#session.end();
    this.#store.close();
  }

  /** Locks older writers out, and refuses to be one. */
  #begin(epoch: number): void {
    const { id } = this.#options;
    this.#store.begin();
    this.#isOpen = true;
    const stored = this.#store.positions(id);
    checkEpoch(stored, epoch, id);
    if (!this.#hasBegun) this.#known.verify(stored, id);
    this.#hasBegun = true;
    this.#store.setWriter(id, epoch);
  }

  /** All changes of one row in this batch. */
  #apply(table: string, row: FoldedRow): void {
    const held = this.#store.row(table, row.key);
    const write = resolveLayers(row, held?.version ?? 0n);
    // The target holds a newer one: this is a repeat, or late.
    if (write === null) return;
    let document: string | null = null;
    if (write.kind === 'upsert') {
      // Columns that the source did not send keep the values that the target has.
      const stored = write.fresh ? undefined : documentMembers(held?.document);
      if (write.missing.length > 0 && !write.fresh && stored === undefined) this.#incomplete++;
      this.#scratch.clear();
      writeDocument(this.#scratch, write.row, { stored });
      document = Buffer.from(this.#scratch.view()).toString();
    }
    this.#store.put(table, row.key, { version: write.version, document }, this.#options.context.clock.now());
  }

  #report(): void {
    const rows = this.#incomplete;
    this.#incomplete = 0;
    // Never values of rows in log lines.
    if (rows > 0)
      this.#options.context.log('warn', 'rows written without columns that the source did not send', { rows });
  }
}

function tableName({ schema, table }: TableSchema): string {
  return JSON.stringify([schema, table]);
}
