import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test('a child ends when its parent is killed with SIGKILL', async () => {
  const script = `
    const { spawn } = await import('node:child_process');
    const { dieWithParent } = await import(${JSON.stringify(new URL('./die-with-parent.ts', import.meta.url).href)});
    const child = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' });
    dieWithParent(child);
    console.log(child.pid);`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [text] = (await once(parent.stdout, 'data')) as [Buffer];
  const pid = Number(text.toString());
  expect(alive(pid)).toBe(true);
  parent.kill('SIGKILL');
  const deadline = Date.now() + 20_000;
  while (alive(pid) && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(alive(pid)).toBe(false);
});
