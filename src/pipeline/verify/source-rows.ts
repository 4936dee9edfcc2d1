/** Rows of a source as changes, read beside its stream and through the codec of the log, so that values are those of the log. */
import type { Envelope, SchemaStore, SourceEncoder } from '../../contracts/envelope.ts';
import type { SourcePlan } from '../../contracts/plan.ts';
import type { Clock } from '../../contracts/plugin.ts';
import type { Change } from '../../contracts/row.ts';
import type { SourceInspector, SourceView } from '../../contracts/verification.ts';

/** Aimed at for what one reading brings (Invariant 10). */
const READ_BYTES = 4 << 20;
const MIN_ROWS = 16;
const MAX_ROWS = 2_000;

export interface SourceRowsOptions {
  readonly plan: SourcePlan;
  readonly inspector: SourceInspector;
  readonly envelope: Envelope;
  readonly clock: Clock;
}

export class SourceRows {
  readonly #options: SourceRowsOptions;
  readonly #schemas: SchemaStore;
  #encoder: SourceEncoder | null = null;
  #pageRows = 500;

  constructor(options: SourceRowsOptions) {
    this.#options = options;
    this.#schemas = options.envelope.schemas();
  }

  /** The next rows in key order, before any rule. @param most rows at most */
  async page(
    table: string,
    after: string | null,
    most: number,
  ): Promise<{ changes: readonly Change[]; next: string | null }> {
    const limit = Math.max(1, Math.min(this.#pageRows, most));
    const encoder = this.#begin();
    const { next } = await this.#options.inspector.page({ table, after, limit }, encoder);
    const { changes, bytes } = this.#end(encoder);
    if (changes.length > 0) {
      const rows = Math.floor((READ_BYTES / bytes) * changes.length);
      this.#pageRows = Math.min(MAX_ROWS, Math.max(MIN_ROWS, rows), 2 * this.#pageRows);
    }
    return { changes, next };
  }

  /** Those of the rows that exist, and what was seen of the source. */
  async rows(table: string, keys: readonly string[]): Promise<{ changes: readonly Change[]; view: SourceView }> {
    const encoder = this.#begin();
    const view = await this.#options.inspector.rows(table, keys, encoder);
    return { changes: this.#end(encoder).changes, view };
  }

  /** An encoder that failed may hold half a row: it is not used again. */
  #begin(): SourceEncoder {
    const { plan, envelope, clock } = this.#options;
    const encoder =
      this.#encoder ??
      envelope.encoder({
        source: plan.name,
        version: null,
        now: clock.now,
        connector: plan.manifest.type,
        transform: null,
      });
    this.#encoder = null;
    encoder.begin({ id: 'verify', kind: 'snapshot', timeUs: clock.now() * 1_000, position: '' });
    return encoder;
  }

  #end(encoder: SourceEncoder): { changes: readonly Change[]; bytes: number } {
    encoder.end();
    const batches = encoder.take();
    this.#encoder = encoder;
    const changes = this.#options.envelope.changes(batches, this.#options.plan.name, this.#schemas);
    return { changes, bytes: batches.reduce((sum, batch) => sum + batch.bytes.length, 0) };
  }
}
