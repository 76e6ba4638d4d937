import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { checkCompose } from '../../cli/doctor/compose.ts';
import { testFolder } from './run-cli.ts';

const REFUSALS = [
  "unknown flag: --short\n\nUsage:  docker [OPTIONS] COMMAND [ARG...]\n\nRun 'docker --help' for more information",
  "docker: 'compose' is not a docker command.\nSee 'docker --help'",
];

for (const text of REFUSALS) {
  test(`a docker command that says "${text.split('\n')[0]}" has no plugin for this user`, async t => {
    const folder = await testFolder(t);
    await writeFile(path.join(folder, 'words'), text);
    await writeFile(path.join(folder, 'docker'), `#!/bin/sh\ncat '${folder}/words' >&2\nexit 125\n`, { mode: 0o755 });
    const environment = { PATH: `${folder}${path.delimiter}${process.env['PATH']}` };
    const [finding] = await checkCompose(environment, AbortSignal.timeout(30_000));
    t.is(finding?.status, 'fail');
    t.regex(finding?.message ?? '', /no compose plugin for this user/);
    t.regex(finding?.next ?? '', /for all users of the machine/);
  });
}
