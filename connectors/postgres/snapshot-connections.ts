/** Connections that read a snapshot: one that takes it and others that read in it. */
import type pg from 'pg';
import { connectSql } from './connections.ts';
import { CopyConnection } from './copy-connection.ts';
import type { SourceOptions } from './names.ts';

export class SnapshotConnections {
  readonly leader: pg.Client;
  readonly workers: readonly CopyConnection[];

  private constructor(leader: pg.Client, workers: readonly CopyConnection[]) {
    this.leader = leader;
    this.workers = workers;
  }

  /** @param afterRead the back-pressure, while rows come */
  static async open(options: SourceOptions, afterRead: () => Promise<void> | undefined): Promise<SnapshotConnections> {
    const count = options.config.snapshot_connections;
    const opened = await Promise.allSettled(Array.from({ length: count + 1 }, () => connectSql(options)));
    const clients = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const failed = opened.find((one) => one.status === 'rejected');
    if (failed !== undefined && clients.length < 2) {
      for (const client of clients) await client.end().catch(() => {});
      throw failed.reason;
    }
    // A server that has no more of them is read with those that it gave.
    const [leader, ...others] = clients;
    return new SnapshotConnections(
      leader!,
      others.map((client) => new CopyConnection(client, afterRead)),
    );
  }

  /** What runs on them is broken off. */
  async close(): Promise<void> {
    await Promise.all([this.leader.end().catch(() => {}), ...this.workers.map((worker) => worker.close())]);
  }
}
