/** Statements over a socket taken from the driver, whose rows are handed out as they stand in the receive buffer. */
import { connect, takeSocket } from './connections.ts';
import { PacketSocket } from './packet-socket.ts';
import { ResultSet } from './result-set.ts';

const COM_QUERY = 0x03;

type OnRow = (buf: Buffer, from: number, to: number) => void;

interface Running {
  readonly set: ResultSet;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Has pinned settings. Statements one after the other; what fails ends it. */
export class TextConnection {
  readonly #socket: PacketSocket;
  readonly #close: () => void;
  #running: Running | null = null;
  #failure: { readonly error: unknown } | null = null;

  private constructor(connection: Awaited<ReturnType<typeof connect>>) {
    const socket = takeSocket(connection);
    this.#close = () => socket.destroy();
    this.#socket = new PacketSocket({
      socket,
      take: (buf, from, to) => this.#take(buf, from, to),
      afterRead: () => undefined,
    });
    this.#socket.done.catch((error: unknown) => this.#fail(error));
  }

  static async open(url: string): Promise<TextConnection> {
    return new TextConnection(await connect(url));
  }

  /** @param onRow one row of the text protocol; the buffer is not written to afterwards */
  run(sql: string, onRow: OnRow = () => {}): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure.error);
    return new Promise((resolve, reject) => {
      this.#running = { set: new ResultSet(onRow), resolve, reject };
      const text = Buffer.from(sql);
      const command = Buffer.allocUnsafe(text.length + 1);
      command[0] = COM_QUERY;
      command.set(text, 1);
      this.#socket.command(command);
    });
  }

  /** Rows of a statement that has so many columns. */
  async rows(sql: string, columns: number): Promise<(string | null)[][]> {
    const rows: (string | null)[][] = [];
    await this.run(sql, (buf, from, to) => {
      const row: (string | null)[] = [];
      ResultSet.each(columns, buf, from, to, (at, end) => row.push(at < 0 ? null : buf.toString('utf8', at, end)));
      rows.push(row);
    });
    return rows;
  }

  close(): void {
    this.#socket.stop();
    this.#fail(Object.assign(new Error('the connection was closed'), { code: 'ECONNABORTED' }));
    this.#close();
  }

  #take(buf: Buffer, from: number, to: number): undefined {
    const running = this.#running;
    if (running === null) return undefined;
    try {
      if (!running.set.take(buf, from, to)) return undefined;
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
    this.#running = null;
    running.resolve();
    return undefined;
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    const running = this.#running;
    this.#running = null;
    running?.reject(this.#failure.error);
  }
}
