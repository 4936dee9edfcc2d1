/** What the contract suite needs of a log: the data behind it, opened, closed and killed. */
import type { Log } from '../../../src/contracts/log.ts';

export interface LogStore {
  /** Opens the log over what is there. One at a time: `close` or `kill` comes before the next. */
  open(): Promise<Log>;
  /** Ends the open log in order. */
  close(): Promise<void>;
  /** Ends it as kill -9 does, at once: what was acknowledged is there at the next `open`, anything else may be. */
  kill(): Promise<void>;
  /** Frees everything; the data may go. */
  remove(): Promise<void>;
}

/** A new, empty store. */
export type CreateLogStore = () => Promise<LogStore>;
