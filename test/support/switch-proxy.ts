/** A TCP proxy that can be switched off, as a server that is gone: its port refuses connections until it is switched on again. */
import { createConnection, createServer, type Server, type Socket } from 'node:net';

export class SwitchProxy {
  readonly #targetPort: number;
  readonly #sockets = new Set<Socket>();
  #server: Server | null = null;
  #port = 0;

  private constructor(targetPort: number) {
    this.#targetPort = targetPort;
  }

  static async start(targetPort: number): Promise<SwitchProxy> {
    const proxy = new SwitchProxy(targetPort);
    await proxy.on();
    return proxy;
  }

  get port(): number {
    return this.#port;
  }

  async on(): Promise<void> {
    const server = createServer((client) => this.#connect(client));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(this.#port, '127.0.0.1', resolve);
    });
    const address = server.address();
    this.#port = address !== null && typeof address === 'object' ? address.port : 0;
    this.#server = server;
  }

  async off(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    const closed = new Promise<void>((resolve) => (server === null ? resolve() : server.close(() => resolve())));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #connect(client: Socket): void {
    const server = createConnection(this.#targetPort, '127.0.0.1');
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  }
}
