/**
 * Unpacks a server of a Debian release without root: a private apt state (own lists, own package status, nothing of the
 * system's is changed) downloads the package with everything it depends on from the mirror that the system itself uses,
 * signatures checked with Debian's keyring. The server then runs on its own loader and libraries, so the release need not
 * be the system's.
 */
import { existsSync } from 'node:fs';
import { chmod, copyFile, cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { TailraceError } from '../../src/contracts/errors.ts';
import { onPath, output } from './programs.ts';

/** Tools of packaging, which a server does not need to run. */
const NOT_NEEDED = /^(perl|libperl|debconf|dpkg|adduser|passwd|systemd|gcc-\d+-base)/;
const KEYRINGS = '/usr/share/keyrings';

export interface WantedPackage {
  readonly packageName: string;
  readonly suite: string;
  readonly program: string;
  /** Directories that the program needs besides, e.g. `usr/share/x`: copied as they are, where the package has them. */
  readonly directories?: readonly string[];
}

/** Resolves once there is a script `program` below `into` that runs it. The tree can be moved. */
export async function unpackDebian(wanted: WantedPackage, into: string): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), 'tailrace-apt-'));
  try {
    const archives = await download(wanted.packageName, wanted.suite, work);
    const root = join(work, 'root');
    await mkdir(root);
    for (const archive of archives) {
      if (NOT_NEEDED.test(basename(archive))) continue;
      await output('dpkg-deb', ['--extract', archive, root]);
    }
    await gather(root, wanted.program, into);
    for (const directory of wanted.directories ?? []) {
      const from = join(root, directory);
      if (existsSync(from)) await cp(from, join(into, directory), { recursive: true });
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Null when this machine can do it, else what is missing. */
export async function debianObstacle(): Promise<string | null> {
  for (const program of ['apt-get', 'dpkg-deb']) {
    if ((await onPath(program)) === null) return `${program} is not on PATH`;
  }
  return (await keyring()) === null ? `no Debian keyring in ${KEYRINGS}` : null;
}

async function keyring(): Promise<string | null> {
  const names = await readdir(KEYRINGS).catch((): string[] => []);
  const found = names.find((name) => /^debian-archive-keyring\.(gpg|pgp)$/.test(name));
  return found === undefined ? null : join(KEYRINGS, found);
}

async function download(packageName: string, suite: string, work: string): Promise<string[]> {
  for (const directory of ['lists/partial', 'cache/archives/partial', 'apt.conf.d', 'preferences.d']) {
    await mkdir(join(work, directory), { recursive: true });
  }
  await writeFile(join(work, 'status'), '');
  await writeFile(
    join(work, 'sources.list'),
    `deb [signed-by=${await keyring()}] ${await systemMirror()} ${suite} main\n`,
  );
  await writeFile(join(work, 'apt.conf'), aptSettings(work));
  const env = { APT_CONFIG: join(work, 'apt.conf'), LC_ALL: 'C' };
  await output('apt-get', ['-qq', 'update'], { env });
  await output('apt-get', ['-qq', '-y', '--download-only', 'install', packageName], { env });
  const archives = join(work, 'cache/archives');
  return (await readdir(archives)).filter((name) => name.endsWith('.deb')).map((name) => join(archives, name));
}

/** An empty package status makes apt fetch every dependency, libc included. */
function aptSettings(work: string): string {
  const settings: Readonly<Record<string, string>> = {
    'Dir::State': work,
    'Dir::State::lists': join(work, 'lists'),
    'Dir::State::status': join(work, 'status'),
    'Dir::Cache': join(work, 'cache'),
    'Dir::Cache::archives': join(work, 'cache/archives'),
    'Dir::Etc::sourcelist': join(work, 'sources.list'),
    'Dir::Etc::sourceparts': '-',
    'Dir::Etc::parts': join(work, 'apt.conf.d'),
    'Dir::Etc::preferencesparts': join(work, 'preferences.d'),
    'APT::Install-Recommends': 'false',
    'Acquire::Languages': 'none',
    // Lists of file names and icons are large and not needed.
    'Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled': 'false',
    'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled': 'false',
    // A machine whose clock is wrong, or a mirror that is behind.
    'Acquire::Check-Valid-Until': 'false',
    'Acquire::Check-Date': 'false',
    // The lists lie in a directory that the user _apt cannot enter.
    'APT::Sandbox::User': 'root',
    'Debug::NoLocking': 'true',
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name} "${value}";\n`)
    .join('');
}

/** The address of the archive in the system's own configuration; the security archive lacks most packages. */
async function systemMirror(): Promise<string> {
  const targets = await output('apt-get', ['indextargets', '--format', '$(BASE_URI)']).catch(() => '');
  const configured = await Promise.all(
    ['/etc/apt/sources.list.d/debian.sources', '/etc/apt/sources.list'].map((path) =>
      readFile(path, 'utf8').catch(() => ''),
    ),
  );
  const found = [
    ...targets.split('\n').map((line) => line.replace(/dists\/.*/, '')),
    ...configured
      .join('\n')
      .split('\n')
      .map((line) => /^(?:URIs:|deb(?: \[[^\]]*\])?)\s+(\S+)/.exec(line)?.[1] ?? ''),
  ].find((uri) => uri !== '' && !uri.includes('security'));
  if (found !== undefined) return found;
  throw new TailraceError('demo.missing', 'apt names no archive of Debian packages.');
}

/** `bin/<program>`, `lib/*` and a script `<program>` that starts the one with the others. */
async function gather(root: string, program: string, into: string): Promise<void> {
  const bin = join(into, 'bin');
  const lib = join(into, 'lib');
  await mkdir(bin);
  await mkdir(lib);
  const binaries = ['usr/bin', 'usr/sbin', 'bin', 'sbin'].map((directory) => join(root, directory, program));
  const binary = await firstFile(binaries);
  if (binary === null) throw new TailraceError('demo.missing', `The Debian package holds no ${program}.`);
  await copyFile(binary, join(bin, program));
  await chmod(join(bin, program), 0o755);
  let loader: string | undefined;
  for (const base of ['usr/lib', 'lib']) {
    for (const triplet of await readdir(join(root, base)).catch((): string[] => [])) {
      if (!/-linux-gnu/.test(triplet)) continue;
      for (const name of await readdir(join(root, base, triplet))) {
        const from = await firstFile([join(root, base, triplet, name)]);
        if (from === null || !/\.so(\.|$)/.test(name)) continue;
        await copyFile(from, join(lib, name));
        if (/^ld(-linux[\w-]*|64|-\d[\d.]*)?\.so/.test(name)) loader ??= name;
      }
    }
  }
  if (loader === undefined) throw new TailraceError('demo.missing', 'The Debian packages hold no program loader.');
  await chmod(join(lib, loader), 0o755);
  const script = `#!/bin/sh
d=$(cd "$(dirname "$0")" && pwd)
exec "$d/lib/${loader}" --library-path "$d/lib" "$d/bin/${program}" "$@"
`;
  await writeFile(join(into, program), script, { mode: 0o755 });
}

/** Links are followed inside the tree where they can be; a link that points outside of it is no file of ours. */
async function firstFile(paths: readonly string[]): Promise<string | null> {
  for (const path of paths) {
    const real = await realpath(path).catch(() => null);
    if (real !== null) return real;
  }
  return null;
}
