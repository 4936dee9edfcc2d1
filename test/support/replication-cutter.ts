/** A proxy in front of a real PostgreSQL that ends replication connections after a given number of bytes of their stream. */
import type { Socket } from 'node:net';
import { TcpProxy } from './tcp-proxy.ts';

/** CopyBothResponse: the stream begins behind it. */
const COPY_BOTH = 'W'.charCodeAt(0);

export class ReplicationCutter extends TcpProxy {
  /** Bytes of the stream that each connection from now on may bring. */
  limit = Number.POSITIVE_INFINITY;
  /** Connections that were ended so. */
  cuts = 0;

  static start(targetPort: number): Promise<ReplicationCutter> {
    return new ReplicationCutter(targetPort).listen();
  }

  protected override closed(socket: Socket, client: Socket, server: Socket): void {
    if (socket === client) server.destroy();
    else client.end();
  }

  protected override relay(client: Socket, server: Socket): void {
    let isReplication = false;
    let left: number | null = null;
    client.on('data', (bytes) => {
      if (!isReplication) isReplication = bytes.includes('START_REPLICATION');
    });
    server.on('data', (bytes) => {
      if (client.writableEnded) return;
      if (left === null && isReplication && bytes[0] === COPY_BOTH) left = this.limit + 1 + bytes.readInt32BE(1);
      const pass = left === null ? bytes.length : Math.min(left, bytes.length);
      client.write(bytes.subarray(0, pass));
      if (left === null) return;
      left -= pass;
      if (left > 0) return;
      this.cuts++;
      // What was passed on still arrives.
      client.end(() => server.destroy());
    });
  }
}
