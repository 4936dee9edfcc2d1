/* Loads Tailrace: the sources in a clone of the repository, the built files in the package. Node.js 24 and newer. */
'use strict';

const { existsSync } = require('node:fs');
const { enableCompileCache } = require('node:module');
const { join } = require('node:path');
const { pathToFileURL } = require('node:url');

/** How long what is left open may keep the process from ending. */
const LINGER_MS = 1_000;

if (process.env.TAILRACE_RELAUNCHED !== undefined) {
  delete process.env.TAILRACE_RELAUNCHED;
  if (process.channel !== undefined) {
    process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
    process.channel.unref();
  }
}

const sources = join(__dirname, '..', 'src', 'main.ts');
const built = join(__dirname, '..', 'dist', 'src', 'main.js');

const isClone = existsSync(sources);
// Compiled (in the clone: types stripped) once, not at every start. In the installation itself: a shared directory is nobody's
// to trust. Where that cannot be written, each start compiles.
enableCompileCache(join(__dirname, '..', '.cache', 'compile'));

import(pathToFileURL(isClone ? sources : built).href)
  .then(({ main, createApp }) => main(process.argv.slice(2), createApp))
  .then(
    (code) => {
      process.exitCode = code;
      setTimeout(() => process.exit(code), LINGER_MS).unref();
    },
    (error) => {
      console.error(error);
      process.exit(1);
    },
  );
