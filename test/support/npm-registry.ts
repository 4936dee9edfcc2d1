/** A registry of npm packages on 127.0.0.1, as far as npm asks one. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface Published {
  /** What its package.json says. */
  readonly manifest: { readonly name: string; readonly version: string; readonly [field: string]: unknown };
  /** Path of the tarball; null: whoever asks for it has gone too far. */
  readonly tarball: string | null;
  readonly publisher: string;
}

export interface NpmRegistry {
  readonly url: string;
  /** Paths that were asked for. */
  readonly asked: string[];
}

/** Ends with the test. */
export async function startRegistry(packages: readonly Published[]): Promise<NpmRegistry> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '/').slice(1);
    asked.push(path);
    const found = packages.find(({ manifest: { name } }) => path === name || path === `${name}.tgz`);
    if (found === undefined) return void response.writeHead(404).end('{}');
    if (path.endsWith('.tgz')) {
      if (found.tarball === null) return void response.writeHead(500).end();
      return void response.end(readFileSync(found.tarball));
    }
    response
      .setHeader('content-type', 'application/json')
      .end(JSON.stringify(packument(found, `http://${request.headers.host}`)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, asked };
}

function packument({ manifest, tarball, publisher }: Published, host: string) {
  const { name, version } = manifest;
  const bytes = tarball === null ? Buffer.alloc(0) : readFileSync(tarball);
  const dist = {
    tarball: `${host}/${name}.tgz`,
    shasum: createHash('sha1').update(bytes).digest('hex'),
    integrity: `sha512-${createHash('sha512').update(bytes).digest('base64')}`,
  };
  const _npmUser = { name: publisher, email: 'who@example.com' };
  return { name, 'dist-tags': { latest: version }, versions: { [version]: { ...manifest, dist, _npmUser } } };
}
