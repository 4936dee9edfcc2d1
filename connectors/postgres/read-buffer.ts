/**
 * Sockets that read into one buffer over and over: a buffer a read, by the ten thousand, would keep the garbage collector
 * busier than the rows do. Until a socket is taken over it hands out copies, as any other.
 */
import { Socket } from 'node:net';

const READ_BYTES = 64 * 1024;

/** The first `count` bytes of `buf` were read. They are gone when it returns. */
export type TakeBytes = (buf: Buffer, count: number) => void;

const taken = new WeakMap<Socket, TakeBytes>();
const reused = new WeakSet<Socket>();

export function createSocket(): Socket {
  const socket: Socket = new Socket({
    onread: {
      buffer: Buffer.allocUnsafeSlow(READ_BYTES),
      callback: (count, bytes) => {
        const buf = bytes as Buffer;
        const take = taken.get(socket);
        if (take === undefined) return socket.push(Buffer.copyBytesFrom(buf, 0, count));
        take(buf, count);
        return true;
      },
    },
  });
  reused.add(socket);
  return socket;
}

/** From now on what a socket reads goes to `take`, of whatever kind the socket is. */
export function takeReads(socket: Socket, take: TakeBytes): void {
  if (reused.has(socket)) taken.set(socket, take);
  else socket.on('data', (chunk: Buffer) => take(chunk, chunk.length));
}
