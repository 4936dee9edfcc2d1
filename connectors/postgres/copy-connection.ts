/** A connection that runs statements and COPY … TO STDOUT one after the other, its rows taken from the receive buffer. */
import type pg from 'pg';
import { closeSocket, takeSocket } from './connections.ts';
import { MessageSocket, type Pause, queryMessage, serverError } from './message-socket.ts';

const COPY_DATA = 0x64; // d
const ERROR = 0x45; // E
const READY = 0x5a; // Z

export type OnRow = (buf: Buffer, from: number, to: number) => void;

interface Running {
  readonly onRow: OnRow;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  error: Error | null;
}

export class CopyConnection {
  readonly #socket: MessageSocket;
  readonly #close: () => Promise<void>;
  #running: Running | null = null;

  /**
   * @param client whose socket is taken over
   * @param afterRead the back-pressure, while rows come
   */
  constructor(client: pg.Client, afterRead: () => Promise<void> | undefined) {
    const socket = takeSocket(client);
    this.#close = () => closeSocket(socket);
    this.#socket = new MessageSocket({
      socket,
      take: (type, buf, from, to) => this.#take(type, buf, from, to),
      afterRead: () => (this.#running === null ? undefined : afterRead()),
    });
    this.#socket.done.then(
      () => this.#running?.reject(new Error('the connection was closed')),
      (error) => this.#running?.reject(error),
    );
  }

  /**
   * Statements as one simple query; with COPY among them, `onRow` gets its rows. Throws what the server or the connection says.
   * What `onRow` throws breaks the connection.
   */
  async run(sql: string, onRow: OnRow = () => {}): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#running = { onRow, resolve, reject, error: null };
    this.#socket.write(queryMessage(sql));
    await promise.finally(() => {
      this.#running = null;
    });
  }

  /** What runs is broken off. */
  async close(): Promise<void> {
    this.#socket.stop();
    await this.#close();
  }

  #take(type: number, buf: Buffer, from: number, to: number): Pause | undefined {
    const running = this.#running;
    if (running === null) return undefined;
    if (type === COPY_DATA) running.onRow(buf, from, to);
    else if (type === ERROR) running.error = serverError(buf, from, to);
    else if (type === READY) {
      if (running.error === null) running.resolve();
      else running.reject(running.error);
    }
    return undefined;
  }
}
