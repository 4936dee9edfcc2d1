import type { Socket } from 'node:net';
import { Connection, type ConnectionOptions } from './connection.ts';

/** The open connections. At the limit, one that never sent a request makes room for a new one. */
export class Connections {
  readonly #options: ConnectionOptions;
  readonly #open = new Set<Connection>();

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  add(socket: Socket): void {
    const { limits, counters } = this.#options;
    if (this.#open.size >= limits.maxConnections) {
      counters.connectionsRefused++;
      const unused = [...this.#open].find(({ used }) => !used);
      if (unused === undefined) {
        socket.destroy();
        return;
      }
      unused.destroy();
      this.#open.delete(unused);
    }
    counters.connections++;
    const connection = new Connection(socket, this.#options);
    this.#open.add(connection);
    void connection.run().finally(() => this.#open.delete(connection));
  }

  checkProgress(): void {
    for (const connection of this.#open) connection.checkProgress();
  }

  async close(limitMs: number): Promise<void> {
    await Promise.all([...this.#open].map((connection) => connection.close(limitMs)));
  }
}
