/** Connections that read a snapshot: one that takes it and others that read in it. */
import type pg from 'pg';
import { connectSql } from './connections.ts';
import { CopyConnection } from './copy-connection.ts';
import { quoteLiteral, type SourceOptions } from './names.ts';
import { isStandby, takeOnStandby } from './standby-snapshot.ts';
import type { TableSnapshot } from './visibility.ts';

export class SnapshotConnections {
  readonly leader: pg.Client;
  readonly workers: readonly CopyConnection[];
  /** Of a standby: takes the snapshot that the leader then reads in. */
  readonly taker: pg.Client | null;

  private constructor(leader: pg.Client, workers: readonly CopyConnection[], taker: pg.Client | null) {
    this.leader = leader;
    this.workers = workers;
    this.taker = taker;
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
    const taker = (await isStandby(leader!)) ? await connectSql(options) : null;
    const workers = others.map((client) => new CopyConnection(client, afterRead));
    return new SnapshotConnections(leader!, workers, taker);
  }

  /**
   * The row of `sql`, asked for in the leader's transaction, in which nothing was read yet; its `snapshot` and `until` say what is
   * seen. Null on a standby that is too busy to say so: to be asked again.
   */
  async snapshot<T extends TableSnapshot>(sql: string): Promise<T | null> {
    const { leader, taker } = this;
    const ask = async () => (await leader.query<T>(sql)).rows[0]!;
    if (taker === null) return ask();
    const taken = await takeOnStandby(taker);
    let facts: T | null = null;
    if (taken !== null) {
      const { exported, snapshot, until } = taken;
      await leader.query(`SET TRANSACTION SNAPSHOT ${quoteLiteral(exported)}`);
      facts = { ...(await ask()), snapshot, until };
    }
    await taker.query('COMMIT');
    return facts;
  }

  /** What runs on them is broken off. */
  async close(): Promise<void> {
    const clients = [this.leader, this.taker].map((client) => client?.end().catch(() => {}));
    await Promise.all([...clients, ...this.workers.map((worker) => worker.close())]);
  }
}
