/** A proxy in front of a real PostgreSQL that ends replication connections after a given number of messages of the plugin. */
import type { Socket } from 'node:net';
import { TcpProxy } from './tcp-proxy.ts';

const COPY_DATA = 0x64; // d
const XLOG_DATA = 0x77; // w

export class MessageProxy extends TcpProxy {
  /** Messages that each replication connection from now on may bring. */
  limit = Number.POSITIVE_INFINITY;
  /** Connections that were ended so. */
  ends = 0;

  static start(targetPort: number): Promise<MessageProxy> {
    return new MessageProxy(targetPort).listen();
  }

  protected override closed(socket: Socket, client: Socket, server: Socket): void {
    if (socket === client) server.destroy();
    else client.end();
  }

  protected override relay(client: Socket, server: Socket): void {
    let counter: MessageCounter | null = null;
    // The start-up packet may come behind a request for TLS.
    client.on('data', (bytes) => {
      if (counter === null && bytes.includes('replication\0')) counter = new MessageCounter(this.limit);
    });
    server.on('data', (bytes) => {
      if (client.writableEnded) return;
      const pass = counter?.count(bytes) ?? bytes.length;
      client.write(bytes.subarray(0, pass));
      if (counter?.isDone !== true) return;
      this.ends++;
      // What was passed on still arrives.
      client.end(() => server.destroy());
    });
  }
}

/** Follows the framing of what a server sends: type, length with itself, body. */
class MessageCounter {
  #left: number;
  #header = Buffer.alloc(6);
  #headerBytes = 0;
  /** Of the message under way, behind the header. */
  #body = 0;
  #isPlugin = false;

  constructor(limit: number) {
    this.#left = limit;
  }

  /** How many of the bytes may be passed on. */
  count(bytes: Buffer): number {
    let at = 0;
    while (at < bytes.length) {
      if (this.#body > 0) {
        const step = Math.min(this.#body, bytes.length - at);
        this.#body -= step;
        at += step;
        if (this.#body === 0 && this.#isPlugin) this.#left--;
        if (this.isDone) return at;
        continue;
      }
      this.#header[this.#headerBytes++] = bytes[at++]!;
      // The kind of a copied message is the first byte of its body; other messages may have none.
      if (this.#headerBytes === 5 && this.#header.readInt32BE(1) === 4) this.#headerBytes = 0;
      if (this.#headerBytes < 6) continue;
      this.#headerBytes = 0;
      this.#body = this.#header.readInt32BE(1) - 5;
      this.#isPlugin = this.#header[0] === COPY_DATA && this.#header[5] === XLOG_DATA;
    }
    return at;
  }

  /** The last message that may pass has ended. */
  get isDone(): boolean {
    return this.#left <= 0;
  }
}
