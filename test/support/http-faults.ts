/** An HTTP proxy in front of a real server. A test may answer a request itself, or change what passes. */
import { createServer, type IncomingHttpHeaders, type Server, request as sendRequest } from 'node:http';

export interface HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** `pass` asks the real server. */
export type Fault = (request: HttpRequest, pass: (body?: Buffer) => Promise<HttpAnswer>) => Promise<HttpAnswer>;

export class HttpFaults {
  readonly #server: Server;
  /** Called for every request; null: everything passes. */
  fault: Fault | null = null;

  private constructor(target: string) {
    this.#server = createServer((incoming, outgoing) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', async () => {
        const { method = 'GET', url: path = '/', headers } = incoming;
        const request = { method, path, headers, body: Buffer.concat(chunks) };
        const pass = (body: Buffer = request.body) => forward(target, { ...request, body });
        const answer = await (this.fault === null ? pass() : this.fault(request, pass));
        const { 'transfer-encoding': _chunked, 'content-length': _length, ...kept } = answer.headers;
        outgoing.writeHead(answer.status, kept).end(answer.body);
      });
    });
  }

  static async start(target: string): Promise<HttpFaults> {
    const proxy = new HttpFaults(target);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    const address = this.#server.address();
    return `http://127.0.0.1:${address !== null && typeof address === 'object' ? address.port : 0}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

function forward(target: string, { method, path, headers, body }: HttpRequest): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const { 'transfer-encoding': _chunked, host: _host, ...kept } = headers;
    const options = { method, headers: { ...kept, 'content-length': body.length } };
    const outgoing = sendRequest(`${target}${path}`, options, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => {
        resolve({
          status: incoming.statusCode ?? 0,
          headers: incoming.headers,
          body: Buffer.concat(chunks).toString(),
        });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
