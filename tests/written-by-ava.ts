import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** What AVA writes of a run of these test files. */
export async function writtenByAva(files: Readonly<Record<string, string>>): Promise<string[]> {
  const folder = await mkdtemp(path.join(tmpdir(), 'outrigger-failed-tests-'));
  try {
    await mkdir(path.join(folder, 'tests', 'core'), { recursive: true });
    await symlink(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
    const ava = { extensions: ['ts'], files: ['tests/**/*.test.ts'], workerThreads: false };
    await writeFile(path.join(folder, 'package.json'), JSON.stringify({ type: 'module', ava }));
    for (const [name, text] of Object.entries(files)) {
      await writeFile(path.join(folder, 'tests', name), `import test from 'ava';\n${text}`);
    }
    const cli = path.join(ROOT, 'node_modules/.bin/ava');
    const stdout = await new Promise<string>(resolve => {
      const options = { cwd: folder, env: { ...process.env, FORCE_COLOR: '1' }, timeout: 120_000 };
      execFile(process.execPath, [cli], options, (_, out) => resolve(out));
    });
    return stdout.split('\n');
  } finally {
    await rm(folder, { recursive: true });
  }
}

const ROOT = path.join(import.meta.dirname, '..');
