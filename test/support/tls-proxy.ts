/** TLS in front of a real server, with a certificate for `localhost` that no authority vouches for. */
import { createConnection } from 'node:net';
import { createServer } from 'node:tls';
import { onTestFinished } from 'vitest';

/** Guards nothing: it is public. */
export const PRIVATE_KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgu9wNGQzH1X1JSJAd
BUGwJxMQLcF9/sh5LMLZyuemStChRANCAAR2CgeorVvpIi4q8phc41MIlhJp6p32
jOB+WM6sDOELR1Dhp9kL/362TxxcnxtcEirHZfYL0hzVjD4/J6lTktyY
-----END PRIVATE KEY-----
`;

export const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBlTCCATugAwIBAgIUMfRsDqeaJ7SwyUtSJeMrBBhASpswCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyNDIxMzI1NFoYDzIxMjYxMDMx
MjEzMjU0WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAR2CgeorVvpIi4q8phc41MIlhJp6p32jOB+WM6sDOELR1Dhp9kL/362
TxxcnxtcEirHZfYL0hzVjD4/J6lTktyYo2kwZzAdBgNVHQ4EFgQUkVWTeO9bDlSE
2UdEhFOqVZC5I9cwHwYDVR0jBBgwFoAUkVWTeO9bDlSE2UdEhFOqVZC5I9cwDwYD
VR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwID
SAAwRQIhAJhqw5s0RY1dkJIls8YJlhlp6HQTBiXtT6+UDacLhXMbAiAQ4ruWykcH
wOxI0NqFfKPMdpCPiD/mnGB3/IA2mkrLbA==
-----END CERTIFICATE-----
`;

/** Port of a listener that passes everything on to `targetPort`; closed when the test ends. */
export async function tlsProxy(targetPort: number): Promise<number> {
  const server = createServer({ key: PRIVATE_KEY, cert: CERTIFICATE }, (socket) => {
    const inner = createConnection(targetPort, '127.0.0.1');
    socket.pipe(inner).pipe(socket);
    socket.on('error', () => inner.destroy());
    inner.on('error', () => socket.destroy());
  });
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  return address !== null && typeof address === 'object' ? address.port : 0;
}
