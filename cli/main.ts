#!/usr/bin/env node
/**
 * The `outrigger` command. Only the version check is imported statically, so that an old Node says what is wrong
 * instead of failing on syntax or an API that it lacks.
 */
import module from 'node:module';

const REQUIRED_NODE_MAJOR = 24;

if (Number.parseInt(process.versions.node, 10) < REQUIRED_NODE_MAJOR) {
  process.stderr.write(
    `outrigger needs Node.js ${REQUIRED_NODE_MAJOR} or newer; this is ${process.versions.node} (${process.execPath}).\n` +
      `Install a newer one (https://nodejs.org) and put it first on PATH.\n`,
  );
  process.exitCode = 1;
} else {
  module.enableCompileCache();
  const { run } = await import('./run.ts');
  process.exitCode = await run(process.argv.slice(2));
}
