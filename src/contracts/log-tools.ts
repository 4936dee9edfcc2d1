/** What the command line does with the data directory of a stopped instance. */

/** Called now and then, with bytes. */
export type Progress = (done: number, total: number) => void;

/** Offsets as decimal text; `to` is one past the last. */
export interface UnreadableRange {
  readonly topic: string;
  readonly partition: number;
  readonly from: string;
  readonly to: string;
}

export interface LogReport {
  readonly topics: number;
  readonly partitions: number;
  readonly batches: number;
  /** Of the batches. */
  readonly bytes: number;
  /** Records that were acknowledged and cannot be read. */
  readonly unreadable: readonly UnreadableRange[];
  /** Commits that were acknowledged and of which not even that is known what they held. */
  readonly lostCommits: number;
  /** What else is not as it was written, in words; a start puts it right. */
  readonly notes: readonly string[];
}

export interface DumpedBatch {
  readonly topic: string;
  readonly partition: number;
  /** Decimal text; `next` is one past the last. Of what cannot be read: its range. */
  readonly base: string;
  readonly next: string;
  readonly bytes: number;
  readonly records: number;
  /** Largest time of its records, ms since 1970. */
  readonly maxTimestamp: number;
  readonly readable: boolean;
}

export interface CopyReport {
  readonly files: number;
  readonly bytes: number;
  /** Records that the copy cannot give back, because they could not be read where it was made of. */
  readonly unreadable: readonly UnreadableRange[];
}

/** All throw `log.locked` while a process uses the directory, `log.damaged` when nothing of the log can be read any more. */
export interface LogTools {
  /** Reads everything; changes nothing. */
  verify(dataDir: string, progress: Progress): Promise<LogReport>;
  /**
   * Makes what a start would recover permanent: copies that are damaged are written anew, the unfinished end is cut. Nothing
   * that can be read is dropped, and what cannot be keeps its offsets. Resolves to what a `verify` then says.
   */
  repair(dataDir: string, progress: Progress): Promise<LogReport>;
  /** Every batch of every partition, in order. */
  dump(dataDir: string): AsyncIterable<DumpedBatch>;
  /** Copies the log, durably. Throws `log.unwritable` when the target is there already. */
  backup(dataDir: string, target: string, progress: Progress): Promise<CopyReport>;
  /**
   * Makes a data directory of a backup, durably. The log gets a new lineage id: positions that lie past the backup are not
   * taken for its own. Throws `log.unwritable` when the directory holds something already.
   */
  restore(backup: string, dataDir: string, progress: Progress): Promise<CopyReport>;
}
