import { open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** Two benchmarks at once would measure each other, and remove each other's containers. Rejects while another one runs. */
export async function onlyOne(): Promise<AsyncDisposable> {
  const file = path.join(tmpdir(), 'outrigger-bench.lock');
  for (;;) {
    try {
      await using lock = await open(file, 'wx');
      await lock.writeFile(String(process.pid));
      return { [Symbol.asyncDispose]: () => rm(file, { force: true }) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const pid = Number(await readFile(file, 'utf8').catch(() => ''));
    if (pid > 0 && isAlive(pid)) {
      throw new Error(`another benchmark runs as process ${pid}: wait for its end, or stop it with \`kill ${pid}\``);
    }
    await rm(file, { force: true }); // of one that was killed
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
