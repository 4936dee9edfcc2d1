/** Sockets of the listener: taking an address, in the clear or over TLS. */
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { TailraceError } from '../contracts/errors.ts';
import type { Endpoint, SecurityOptions } from './options.ts';

const TLS_HANDSHAKE_MS = 30_000;

/** Not yet listening. */
export function newServer(tls: SecurityOptions['tls'], onConnection: (socket: Socket) => void): Server {
  const options = { allowHalfOpen: true, noDelay: true };
  if (tls === undefined) return createServer(options, onConnection);
  const { key, cert } = tls;
  const secure = { ...options, key, cert, minVersion: 'TLSv1.2', handshakeTimeout: TLS_HANDSHAKE_MS } as const;
  const server = createTlsServer(secure, onConnection);
  // Whoever does not speak TLS is gone already.
  server.on('tlsClientError', () => {});
  return server;
}

/** Resolves to the address with the port that was taken. Throws `kafka.port_in_use`. */
export async function listening(server: Server, { host, port }: Endpoint): Promise<Endpoint> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, host, port)));
    server.listen(port, host, resolve);
  });
  const address = server.address();
  return { host, port: typeof address === 'object' && address !== null ? address.port : port };
}

/** `localhost`, 127.0.0.0/8 or ::1: what only this machine can reach. */
export function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|::1)$/.test(host);
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): Error {
  if (error.code !== 'EADDRINUSE') return error;
  return new TailraceError('kafka.port_in_use', `kafka.listen: ${host}:${port} is taken`, {
    remedy: 'stop the process that uses the port, or set kafka.listen in tailrace.yaml to another one',
    cause: error,
  });
}
