/** A TCP proxy in front of a real server that can lose answers: the server has done what was asked, the client never hears. */
import { createConnection, createServer, type Server, type Socket } from 'node:net';

export class LossyProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #left = Number.POSITIVE_INFINITY;
  /** Answers lost so far. */
  lost = 0;

  private constructor(targetPort: number) {
    this.#server = createServer({ noDelay: true }, (client) => this.#relay(client, targetPort));
  }

  static async start(targetPort: number): Promise<LossyProxy> {
    const proxy = new LossyProxy(targetPort);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    return address !== null && typeof address === 'object' ? address.port : 0;
  }

  /** The n-th piece of an answer from now on (n from 1) is lost: it is not passed on, and its connection is cut. */
  loseAnswer(n: number): void {
    this.#left = n;
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
    server.on('data', (bytes) => {
      if (--this.#left > 0) return void client.write(bytes);
      this.#left = Number.POSITIVE_INFINITY;
      this.lost++;
      client.destroy();
    });
  }
}
