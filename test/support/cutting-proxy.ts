/** A TCP proxy that breaks the connection after a given number of bytes of the server's answers. */
import type { Socket } from 'node:net';
import { TcpProxy } from './tcp-proxy.ts';

export class CuttingProxy extends TcpProxy {
  #distance: () => number = () => Number.POSITIVE_INFINITY;
  #left = Number.POSITIVE_INFINITY;
  /** Connections broken so far. */
  cuts = 0;

  static start(targetPort: number): Promise<CuttingProxy> {
    return new CuttingProxy(targetPort).listen();
  }

  /** @param distance bytes from one cut to the next, over all connections; asked before each */
  cutEvery(distance: () => number): void {
    this.#distance = distance;
    this.#left = distance();
  }

  protected override relay(client: Socket, server: Socket): void {
    server.on('data', (bytes) => this.#pass(bytes, client, server));
  }

  #pass(bytes: Buffer, client: Socket, server: Socket): void {
    if (this.#left > bytes.length) {
      this.#left -= bytes.length;
      if (client.write(bytes)) return;
      server.pause();
      client.once('drain', () => server.resume());
      return;
    }
    server.pause();
    client.write(bytes.subarray(0, this.#left), () => client.destroy());
    this.cuts++;
    this.#left = this.#distance();
  }
}
