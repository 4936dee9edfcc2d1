#!/usr/bin/env node
/*
 * Starts Tailrace under Node.js 24 or newer. Written in ES5, so that any older Node.js can read it: it looks for a newer
 * one among the installed packages and runs itself again there, or says what to do.
 */
'use strict';

var childProcess = require('child_process');
var fs = require('fs');
var path = require('path');

var MINIMUM = 24;
/**
 * Options of a process that stays. Half of V8's default: objects that die young are few here, and memory that it has once
 * taken for them it keeps.
 */
var STAYING = ['--max-semi-space-size=8'];
var FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'];

function major(version) {
  return Number(String(version).replace(/^v/, '').split('.')[0]);
}

/** Path of a Node.js that is new enough, out of a package that npm installed for this platform; or null. */
function installedNode() {
  var platform = process.platform + '-' + process.arch;
  var names = ['node-' + platform, 'node-bin-' + platform, 'node'];
  for (var i = 0; i < names.length; i++) {
    try {
      var manifest = require.resolve(names[i] + '/package.json');
      var binary = path.join(path.dirname(manifest), 'bin', 'node');
      if (major(JSON.parse(fs.readFileSync(manifest, 'utf8')).version) >= MINIMUM && fs.existsSync(binary))
        return binary;
    } catch (error) {
      // Not installed.
    }
  }
  return null;
}

function copyOf(object) {
  var copy = {};
  for (var key in object) copy[key] = object[key];
  return copy;
}

/** Whether this is a command that runs until it is stopped. */
function stays() {
  return ['run', 'dev'].indexOf(process.argv[2]) >= 0;
}

/**
 * Puts the same command, with V8's options, in the place of this process: same process id, files and parent. Only Node.js from
 * 22.15 on can, and not on Windows; a process with a channel to its parent would lose it.
 */
function replace() {
  var words = [process.execPath].concat(process.execArgv, STAYING, __filename, process.argv.slice(2));
  process.execve(process.execPath, words, process.env);
}

function isReplaceable() {
  return typeof process.execve === 'function' && process.platform !== 'win32' && !process.channel;
}

/** Runs the same command under `node`; signals go through, and the exit code or signal comes back. */
function relaunch(node) {
  var env = copyOf(process.env);
  env.TAILRACE_RELAUNCHED = '1';
  var words = (stays() ? STAYING : []).concat(__filename, process.argv.slice(2));
  // The channel closes when this process ends in any way: the child ends then too.
  var child = childProcess.spawn(node, words, { env: env, stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
  FORWARDED.forEach(function (signal) {
    process.on(signal, function () {
      child.kill(signal);
    });
  });
  child.on('error', function (error) {
    console.error('tailrace: cannot start ' + node + ': ' + error.message);
    process.exit(1);
  });
  child.on('exit', function (code, signal) {
    if (signal === null) process.exit(code);
    FORWARDED.forEach(function (name) {
      process.removeAllListeners(name);
    });
    process.kill(process.pid, signal);
    // A signal that does not end a process: the code that shells give for it.
    setTimeout(function () {
      process.exit(1);
    }, 1000);
  });
}

function main() {
  if (major(process.version) >= MINIMUM) {
    if (stays() && process.execArgv.indexOf(STAYING[0]) < 0 && isReplaceable()) replace();
    return require('./start.cjs');
  }
  var node = process.env.TAILRACE_RELAUNCHED ? null : installedNode();
  if (node !== null) return relaunch(node);
  console.error(
    'tailrace needs Node.js ' + MINIMUM + ' or newer; this is ' + process.version + ' (' + process.execPath + ').'
  );
  console.error('Install it from https://nodejs.org, or beside Tailrace with: npm install node@' + MINIMUM);
  process.exit(1);
}

main();
