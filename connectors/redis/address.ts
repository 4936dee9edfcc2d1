/** Where a server is and who connects to it. */
import type { RedisConfig } from './config.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
  readonly db: number;
  readonly username: string;
  readonly password: string;
  readonly tls: boolean;
}

export function addressOf({ url: text }: Pick<RedisConfig, 'url'>): Address {
  const url = new URL(text);
  return {
    host: bare(url.hostname),
    port: Number(url.port || 6_379),
    db: Number(url.pathname.slice(1) || 0),
    username: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    tls: url.protocol === 'rediss:',
  };
}

/** `host:port` as a configuration has it, with the rest of `address`. */
export function atNode(address: Address, node: string): Address {
  const colon = node.lastIndexOf(':');
  return { ...address, host: bare(node.slice(0, colon)), port: Number(node.slice(colon + 1)) };
}

/** Host, port and database (Invariant 12: neither user nor password). */
export function placeOf({ host, port, db }: Address): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}${db === 0 ? '' : `/${db}`}`;
}

function bare(host: string): string {
  return host.replace(/^\[|\]$/g, '');
}
