/** What this process holds open: sockets, files, children. */
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const HELD = ['TCPSocketWrap', 'TLSWrap', 'PipeWrap', 'UDPWrap', 'ProcessWrap', 'FSEventWrap', 'MessagePort'];
const PATIENCE_MS = 3_000;
const POLL_MS = 10;

function openHandles(): number {
  return process.getActiveResourcesInfo().filter((name) => HELD.includes(name)).length + openFiles();
}

/** Where the system tells. */
function openFiles(): number {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return 0;
  }
}

/** Resolves to how many more are open after the work than before it, once that has settled. */
export async function leftOpen(work: () => Promise<unknown>): Promise<number> {
  const before = openHandles();
  await work();
  // Sockets are closed by the system a little later.
  for (const end = performance.now() + PATIENCE_MS; openHandles() > before && performance.now() < end; ) {
    await sleep(POLL_MS);
  }
  return Math.max(0, openHandles() - before);
}
