/** A TCP proxy in front of a real server that breaks the connection after a given number of bytes of the server's answers. */
import { createConnection, createServer, type Server, type Socket } from 'node:net';

export class CuttingProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #distance: () => number = () => Number.POSITIVE_INFINITY;
  #left = Number.POSITIVE_INFINITY;
  /** Connections broken so far. */
  cuts = 0;

  private constructor(targetPort: number) {
    this.#server = createServer({ noDelay: true }, (client) => this.#relay(client, targetPort));
  }

  static async start(targetPort: number): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(targetPort);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    return address !== null && typeof address === 'object' ? address.port : 0;
  }

  /** @param distance bytes from one cut to the next, over all connections; asked before each */
  cutEvery(distance: () => number): void {
    this.#distance = distance;
    this.#left = distance();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #relay(client: Socket, targetPort: number): void {
    const server = createConnection({ port: targetPort, host: '127.0.0.1', noDelay: true });
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        this.#sockets.delete(socket);
        client.destroy();
        server.destroy();
      });
    }
    client.on('data', (bytes) => server.write(bytes));
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
