/**
 * A server process that cannot outlive its parent.
 *
 * A POSIX shell stands between: it starts the server in a session of its own (so Ctrl-C in a terminal reaches only us) and
 * waits for the end of its standard input, a pipe whose other end only the parent holds. When the parent ends in any way,
 * SIGKILL included, the kernel closes that pipe: the shell then stops the server (SIGINT, five seconds later SIGQUIT, or
 * the signals it was given) and removes the temporary directories.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';

const GUARD = `
exec 3<&0
remove=$1 stop=$2 force=$3; shift 3
orphan=
trap 'orphan=1' USR1
"$@" 3<&- </dev/null & server=$!
trap '' INT TERM HUP
( cat <&3; kill -USR1 $$; kill -$stop $server; sleep 5; kill -$force $server ) >/dev/null 2>&1 & watcher=$!
exec 3<&-
while :; do
  wait $server; code=$?
  kill -0 $server 2>/dev/null || break
done
kill -KILL $watcher 2>/dev/null
[ -z "$orphan" ] || printf '%s\\n' "$remove" | while IFS= read -r dir; do
  [ -z "$dir" ] || rm -rf -- "$dir"
done
exit $code
`;

export interface GuardedOptions {
  /** File descriptor that takes standard output and error of the server. */
  readonly output: number;
  readonly env?: NodeJS.ProcessEnv;
  /** Directories removed after `stop` or after the parent's death; they stay when the server ends otherwise. */
  readonly remove?: readonly string[];
  readonly uid?: number;
  readonly gid?: number;
  /** The signal that asks the server to end, and the one that follows five seconds later. Default: INT, QUIT. */
  readonly signals?: readonly [stop: string, force: string];
}

export class GuardedProcess {
  readonly #child: ChildProcess;
  /** Resolves once the server ended. */
  readonly ended: Promise<void>;
  #over = false;

  constructor(command: readonly string[], options: GuardedOptions) {
    const { uid, gid, env, signals = ['INT', 'QUIT'] } = options;
    const remove = (options.remove ?? []).join('\n');
    this.#child = spawn('/bin/sh', ['-c', GUARD, 'guard', remove, ...signals, ...command], {
      detached: true,
      stdio: ['pipe', options.output, options.output],
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
      ...(env === undefined ? {} : { env }),
    });
    this.ended = new Promise<void>((resolve) => {
      this.#child.once('error', () => resolve());
      this.#child.once('exit', () => resolve());
    }).then(() => {
      this.#over = true;
    });
    this.#child.stdin?.on('error', () => {});
    // A forgotten server must not keep its parent running: the parent's end stops it.
    this.#child.unref();
    (this.#child.stdin as Socket | null)?.unref();
  }

  get over(): boolean {
    return this.#over;
  }

  /** Ends as the parent's death would. Resolves once the server ended. */
  async stop(): Promise<void> {
    this.#child.ref();
    this.#child.stdin?.destroy();
    await this.ended;
  }

  /** Waits for an end that was caused otherwise, e.g. by a signal to the server. */
  async waitForEnd(): Promise<void> {
    this.#child.ref();
    await this.ended;
  }
}
