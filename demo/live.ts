/** `tailrace demo`: the shop, its load and Tailrace until Ctrl-C. What it made is kept; the next start goes on. */
import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { TailraceError } from '../src/contracts/errors.ts';
import { type ShopEnvironment, startEnvironment } from './environment.ts';
import { LiveTable, type Output } from './live-table.ts';
import type { DemoOptions } from './options.ts';
import { ShopLoad } from './shop/load.ts';
import { createShop } from './shop/schema.ts';
import { TailraceProcess } from './tailrace-process.ts';

const DEFAULT_RATE = 60;
const SIZES = { products: 500, customers: 600, orders: 800 };
/** A terminal's Ctrl-C reaches us directly and again through a launcher that forwards it. */
const SAME_SIGNAL_MS = 500;

export async function runLive(options: DemoOptions, out: Output): Promise<number> {
  const directory = resolve(options.dataDir ?? 'data/demo');
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const stopping = stopSignal(options.seconds);
  out.write(`starting PostgreSQL${options.full ? ', Redis and Elasticsearch' : ''} in ${directory}\n`);
  const environment = await startEnvironment({ directory, full: options.full, durable: true });
  try {
    return await serve(environment, options, stopping.signal, out);
  } finally {
    await environment.stop();
    stopping.release();
    out.write('stopped; `npm run demo` goes on from here\n');
  }
}

async function serve(
  environment: ShopEnvironment,
  options: DemoOptions,
  stop: AbortSignal,
  out: Output,
): Promise<number> {
  const started = performance.now();
  const { shopUrl, file, variables, httpPort } = environment;
  const fresh = await createShop(shopUrl, 1, SIZES);
  out.write(`${fresh ? 'made a new shop' : 'going on with the shop that is there'}: ${shopUrl}\n`);
  const tailrace = new TailraceProcess({ file, variables, httpPort });
  const load = await ShopLoad.start({ url: shopUrl, seed: options.seed, rate: options.rate ?? DEFAULT_RATE });
  try {
    out.write(`tailrace run ${file}: http://127.0.0.1:${httpPort}/status\n`);
    return await watch(tailrace, load, { stop, out, started });
  } finally {
    await load.stop();
    if (tailrace.exit === null) {
      const { code, signal } = await tailrace.stop();
      if (code !== 0)
        out.write(`tailrace ended with ${signal ?? `exit code ${code}`}\n${tailrace.lastLines.join('\n')}\n`);
    }
  }
}

async function watch(
  tailrace: TailraceProcess,
  load: ShopLoad,
  { stop, out, started }: { readonly stop: AbortSignal; readonly out: Output; readonly started: number },
): Promise<number> {
  const screen = new LiveTable(out);
  const stopped = new Promise<void>((resolve) => {
    if (stop.aborted) resolve();
    stop.addEventListener('abort', () => resolve(), { once: true });
  });
  let first = true;
  while (!stop.aborted) {
    await Promise.race([stopped, tailrace.exited, load.ended, new Promise((resolve) => setTimeout(resolve, 1_000))]);
    if (tailrace.exit !== null) {
      out.write(`${tailrace.lastLines.join('\n')}\n`);
      const { code, signal } = tailrace.exit;
      throw new TailraceError('internal.bug', `tailrace ended by itself with ${signal ?? `exit code ${code}`}`);
    }
    const status = await tailrace.status();
    const arrived = status?.pipelines.some(({ sinks }) => sinks.some(({ records }) => records > 0)) ?? false;
    if (first && arrived) {
      first = false;
      out.write(`first rows in a sink after ${((performance.now() - started) / 1_000).toFixed(1)} s\n`);
    }
    screen.show({ at: performance.now(), status, load: load.counts() });
  }
  return 0;
}

/** Aborts at SIGINT, SIGTERM or after the time; a second signal ends the process at once. */
function stopSignal(seconds: number | null): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  let firstAt = 0;
  const onSignal = () => {
    if (controller.signal.aborted && performance.now() - firstAt > SAME_SIGNAL_MS) process.exit(130);
    if (!controller.signal.aborted) firstAt = performance.now();
    controller.abort();
  };
  const timer = seconds === null ? undefined : setTimeout(() => controller.abort(), seconds * 1_000);
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  const release = () => {
    clearTimeout(timer);
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  };
  return { signal: controller.signal, release };
}
