/** A TCP proxy in front of a real server; what it does to connections is its subclass's. */
import { createConnection, createServer, type Server, type Socket } from 'node:net';

export abstract class TcpProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(targetPort: number) {
    this.#server = createServer({ noDelay: true }, (client) => this.#connect(client, targetPort));
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  get port(): number {
    const address = this.#server.address();
    return address !== null && typeof address === 'object' ? address.port : 0;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  /** A new connection: passes on what the server sends. What the client sends is passed on already. */
  protected abstract relay(client: Socket, server: Socket): void;

  /** One of the two has closed. */
  protected closed(_socket: Socket, client: Socket, server: Socket): void {
    client.destroy();
    server.destroy();
  }

  #connect(client: Socket, targetPort: number): void {
    const server = createConnection({ port: targetPort, host: '127.0.0.1', noDelay: true });
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        this.#sockets.delete(socket);
        this.closed(socket, client, server);
      });
    }
    this.relay(client, server);
    client.on('data', (bytes) => server.write(bytes));
  }
}
