/** A Kafka client that says exactly what it is told to, over a raw socket. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Api } from '../../src/wire/messages/api.ts';
import { readResponse, writeRequest } from '../../src/wire/messages/api.ts';

export class WireClient {
  readonly socket: Socket;
  #received = Buffer.alloc(0);
  #correlationId = 0;
  #wake = () => {};
  #ended = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#ended = true;
      this.#wake();
    });
  }

  /** Over a connection that is there. */
  static over(socket: Socket): WireClient {
    return new WireClient(socket);
  }

  static async connect(port: number): Promise<WireClient> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    return new WireClient(socket);
  }

  /** Sends a request and waits for its answer; earlier answers must have been taken. */
  async ask<RequestIn, Response>(
    api: Api<unknown, RequestIn, Response, never>,
    version: number,
    request: RequestIn,
  ): Promise<Response> {
    this.send(api, version, request);
    return this.answer(api, version);
  }

  /** @returns the correlation id */
  send<RequestIn>(api: Api<unknown, RequestIn, unknown, never>, version: number, request: RequestIn): number {
    const correlationId = ++this.#correlationId;
    const header = { apiVersion: version, correlationId, clientId: 'wire' };
    this.socket.write(Buffer.concat(writeRequest(api, header, request)));
    return correlationId;
  }

  async answer<Response>(api: Api<unknown, never, Response, never>, version: number): Promise<Response> {
    return readResponse(await this.frame(), api, version).response;
  }

  raw(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  /** The next frame without its size. Rejects when the connection ends before. */
  async frame(): Promise<Buffer> {
    for (;;) {
      if (this.#received.length >= 4) {
        const size = this.#received.readInt32BE(0);
        if (this.#received.length >= 4 + size) {
          const frame = this.#received.subarray(4, 4 + size);
          this.#received = this.#received.subarray(4 + size);
          return frame;
        }
      }
      if (this.#ended) throw new Error('the broker closed the connection');
      await this.#more();
    }
  }

  /** Resolves when the broker has closed the connection. */
  async closed(): Promise<void> {
    while (!this.#ended) await this.#more();
  }

  get received(): number {
    return this.#received.length;
  }

  close(): void {
    this.socket.destroy();
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
