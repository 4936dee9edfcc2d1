/** Change records ⇄ bytes. `src/envelope` implements it; the runtime gets it from main. */
import type { LogRecord, PendingBatch } from './log.ts';
import type { RowCounts } from './measures.ts';
import type { Change, Row, RowWriter } from './row.ts';
import type { RowMemory } from './row-memory.ts';
import type { RowTransform } from './rules.ts';
import type { Column, TableDescription, TableSchema } from './schema.ts';
import type { SourceMarker, SourceTransaction } from './source.ts';

/** Encodes what one source sends into record batches. One per running source; not concurrent. */
export interface SourceEncoder {
  register(table: TableDescription): TableSchema;
  /** With a transform (the source's own steps) rows are decoded, transformed and encoded; without, bytes go straight through. */
  writer(table: TableSchema): RowWriter;
  begin(transaction: SourceTransaction): void;
  end(): void;
  marker(marker: SourceMarker): void;
  /**
   * Instead of a writer: a change that was decoded before, row or marker, in the open transaction. Its version is given anew: the
   * next one, and not below the one that it has. What the end of a snapshot sweeps is counted in the new versions.
   */
  write(change: Change): void;
  /** Bytes encoded and not yet taken. */
  readonly pendingBytes: number;
  /** Finished batches since the last take, service topics included, in append order; each ≤ 1 MiB unless one record is larger. */
  take(): readonly PendingBatch[];
  /** Topics (names) that the pending batches need and that were not named by an earlier call. */
  newTopics(): readonly NewTopic[];
  /** Highest version given so far, decimal; kept with the source's checkpoint. */
  version(): string;
  /** Snapshots that began and did not end yet, by table; kept with the source's checkpoint, so that their end is known to sweep. */
  openSnapshots(): OpenSnapshots;
}

export interface NewTopic {
  readonly name: string;
  /** Schemas. */
  readonly service: boolean;
  /** What it holds are messages (`RowTransform.messages`) and no rows: it must never be compacted. Absent: it is not so. */
  readonly messages?: true;
}

/** By the table's name as the encoder writes it: id of the snapshot and the decimal version of its begin marker. */
export type OpenSnapshots = Readonly<Record<string, { readonly snapshot: string; readonly version: string }>>;

export interface SourceEncoderOptions {
  readonly source: string;
  /** What the names of its topics begin with. Absent: the source. */
  readonly topics?: string;
  /** Resume the version clock above this; null at first start. */
  readonly version: string | null;
  /** What `openSnapshots` was; absent at first start. */
  readonly snapshots?: OpenSnapshots;
  /** ms since 1970: stamps records and bounds the version clock. */
  readonly now: () => number;
  /** Connector type for `source.connector`. */
  readonly connector: string;
  /** Database name for `source.db`; empty when unknown. */
  readonly database?: string;
  /** Told when the clock of the source is far off (DESIGN § 6, Version). */
  readonly warn?: (message: string) => void;
  /** Of a table as `schema.table`: raised with every row of it. Absent: nobody counts. */
  readonly counts?: (table: string) => RowCounts;
  /** The source's own steps; null when it has none. */
  readonly transform: ((table: TableSchema) => RowTransform) | null;
  /** Fills in what updates leave out. Absent: it stays absent. */
  readonly memory?: RowMemory;
}

/** Schemas by id, fed from a source's `__schemas` topic. */
export interface SchemaStore {
  get(id: string): TableSchema | undefined;
  /** Takes in one record of a `__schemas` topic. */
  add(record: LogRecord): void;
}

export interface Envelope {
  encoder(options: SourceEncoderOptions): SourceEncoder;
  schemas(): SchemaStore;
  /** Null for a tombstone. Throws `rule.failed`-class poison only for bytes that are not ours; unknown schema: `source.unsupported`. */
  decode(record: LogRecord, schemas: SchemaStore): Change | null;
  /** The changes in what an encoder of this source has made; `schemas` takes in what comes with them. Not written to a log. */
  changes(batches: readonly PendingBatch[], source: string, schemas: SchemaStore): readonly Change[];
  /** One record batch of plain records, for dead letters and other service topics. */
  batch(
    records: readonly {
      readonly key: Uint8Array | null;
      readonly value: Uint8Array | null;
      readonly headers?: LogRecord['headers'];
    }[],
    now: number,
  ): Uint8Array;
  /** A row of JSON texts, one per column; undefined: not sent. */
  row(columns: readonly Column[], values: readonly (Uint8Array | undefined)[]): Row;
  /** Topic of a table; escapes per DESIGN § 6. */
  topicOf(source: string, schema: string, table: string): string;
  /** The value that a record of this change has, with `connector` empty: for taps and tests. Never for markers. */
  changeJson(change: Change): Uint8Array;
}
