/** What a child process (child-process.ts) tells of a goal. */
import { spawn } from 'node:child_process';
import type { Figure } from './goal.ts';

/** @param program child-process.ts, built */
export function childFigures(goal: string, dir: string, program: string): Promise<readonly Figure[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, goal, dir], { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => {
      said += String(chunk);
    });
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(JSON.parse(said));
      else reject(new Error(`${goal} ended with ${code}`));
    });
  });
}
