import type { Command } from './command.ts';
import { check } from './commands/check.ts';
import { demo } from './commands/demo.ts';
import { lint } from './commands/lint.ts';
import { run } from './commands/run.ts';
import { status } from './commands/status.ts';
import { topics } from './commands/topics.ts';

/** In the order of the help. */
export const commands: readonly Command[] = [demo, run, lint, check, status, topics];
