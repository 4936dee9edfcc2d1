/**
 * A page in a browser may not reach the API under a name that leads to this machine (DNS rebinding), nor from another
 * origin: only names of this machine are answered.
 */
import type { IncomingMessage } from 'node:http';

export interface Refusal {
  readonly code: 'foreign_host' | 'foreign_origin';
  readonly message: string;
}

/** @param host where the API listens */
export function foreign({ headers }: IncomingMessage, host: string): Refusal | null {
  const named = /^[\w.:[\]-]+$/.test(headers.host ?? '') ? `http://${headers.host}` : '';
  if (!isOwnName(named, host)) {
    const message = 'the Host header must name this machine: localhost, 127.0.0.1 or [::1]';
    return { code: 'foreign_host', message };
  }
  const { origin } = headers;
  if (origin === undefined || isOwnName(origin, host)) return null;
  return { code: 'foreign_origin', message: 'pages of other origins may not ask' };
}

function isOwnName(url: string, host: string): boolean {
  const name = URL.parse(url)?.hostname;
  return name !== undefined && ['localhost', '127.0.0.1', '[::1]', host].includes(name);
}
