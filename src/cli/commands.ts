import type { Command, CommandGroup } from './command.ts';
import { adopt } from './commands/adopt.ts';
import { apply } from './commands/apply.ts';
import { check } from './commands/check.ts';
import { completionCommand } from './commands/completion.ts';
import { demo } from './commands/demo.ts';
import { dev } from './commands/dev.ts';
import { dlq } from './commands/dlq.ts';
import { graph } from './commands/graph.ts';
import { groups } from './commands/groups.ts';
import { init } from './commands/init.ts';
import { lint } from './commands/lint.ts';
import { log } from './commands/log.ts';
import { logs } from './commands/logs.ts';
import { pause, resume } from './commands/pause.ts';
import { plan } from './commands/plan.ts';
import { plugin } from './commands/plugin.ts';
import { rebuild } from './commands/rebuild.ts';
import { replay } from './commands/replay.ts';
import { run } from './commands/run.ts';
import { schema } from './commands/schema.ts';
import { secrets } from './commands/secrets.ts';
import { snapshot } from './commands/snapshot.ts';
import { status } from './commands/status.ts';
import { support } from './commands/support.ts';
import { tap } from './commands/tap.ts';
import { teardown } from './commands/teardown.ts';
import { test } from './commands/test.ts';
import { top } from './commands/top.ts';
import { topics } from './commands/topics.ts';
import { trace } from './commands/trace.ts';
import { types } from './commands/types.ts';
import { verify } from './commands/verify.ts';

/** In the order of the help. */
export const commands: readonly (Command | CommandGroup)[] = [
  demo,
  init,
  dev,
  run,
  lint,
  check,
  test,
  plan,
  apply,
  status,
  top,
  tap,
  trace,
  graph,
  logs,
  snapshot,
  verify,
  pause,
  resume,
  replay,
  rebuild,
  adopt,
  dlq,
  topics,
  groups,
  log,
  plugin,
  teardown,
  types,
  schema,
  secrets,
  support,
  completionCommand(() => commands),
];

/** Those of groups apart. */
export const singleCommands: readonly Command[] = commands.flatMap((command): readonly Command[] =>
  command.kind === 'group' ? command.commands : [command],
);
