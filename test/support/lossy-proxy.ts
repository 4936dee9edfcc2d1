/** A TCP proxy that can lose answers: the server has done what was asked, the client never hears. */
import type { Socket } from 'node:net';
import { TcpProxy } from './tcp-proxy.ts';

export class LossyProxy extends TcpProxy {
  #left = Number.POSITIVE_INFINITY;
  /** Answers lost so far. */
  lost = 0;

  static start(targetPort: number): Promise<LossyProxy> {
    return new LossyProxy(targetPort).listen();
  }

  /** The n-th piece of an answer from now on (n from 1) is lost: it is not passed on, and its connection is cut. */
  loseAnswer(n: number): void {
    this.#left = n;
  }

  protected override relay(client: Socket, server: Socket): void {
    server.on('data', (bytes) => {
      if (--this.#left > 0) return void client.write(bytes);
      this.#left = Number.POSITIVE_INFINITY;
      this.lost++;
      client.destroy();
    });
  }
}
