/**
 * A TCP proxy in front of a real server that refuses replication connections as PgBouncer before 1.23 and the poolers of
 * managed services do: FATAL 08P01 in answer to the start-up packet.
 */
import { createConnection, createServer, type Server } from 'node:net';

const REFUSAL = 'SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: replication\0\0';

/**
 * Resolves to the server, listening on a free port of 127.0.0.1.
 * @param ignores it drops the parameter instead, as PgBouncer with `ignore_startup_parameters` does
 */
export async function startRefusingPooler(targetPort: number, ignores = false): Promise<Server> {
  const server = createServer((client) => {
    client.on('error', () => {});
    const takeStartUp = (startUp: Buffer) => {
      // SSLRequest: no TLS here.
      if (startUp.length === 8) {
        client.once('data', takeStartUp);
        client.write('N');
        return;
      }
      if (startUp.includes('replication\0') && !ignores) {
        const message = Buffer.from(`E\0\0\0\0${REFUSAL}`);
        message.writeInt32BE(message.length - 1, 1);
        client.end(message);
        return;
      }
      const target = createConnection({ port: targetPort, host: '127.0.0.1' });
      target.on('error', () => client.destroy());
      target.on('close', () => client.destroy());
      client.on('close', () => target.destroy());
      target.write(without(startUp, 'replication\0database\0'));
      client.pipe(target).pipe(client);
    };
    client.once('data', takeStartUp);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

/** The start-up packet without a parameter, its length corrected. */
function without(startUp: Buffer, parameter: string): Buffer {
  const at = startUp.indexOf(parameter);
  if (at < 0) return startUp;
  const packet = Buffer.concat([startUp.subarray(0, at), startUp.subarray(at + parameter.length)]);
  packet.writeInt32BE(packet.length, 0);
  return packet;
}
