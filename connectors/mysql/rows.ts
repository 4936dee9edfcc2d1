/** Runs a statement and gives its rows as texts; on a connection or in a snapshot's transaction. */
export type Rows = <T extends object>(sql: string, values?: readonly unknown[]) => Promise<T[]>;
