import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

/**
 * Writes the TypeScript types of proto/outrigger/v1 into proto/generated. With --check it writes nothing and fails where
 * the committed types differ from what the protos say.
 */
const here = import.meta.dirname;
const target = path.join(here, 'generated');
const generator = path.join(here, '../node_modules/@grpc/proto-loader/build/bin/proto-loader-gen-types.js');

const scratch = await mkdtemp(path.join(tmpdir(), 'outrigger-proto-'));
try {
  await promisify(execFile)(process.execPath, [
    generator,
    '--longs=Number',
    '--enums=String',
    '--defaults',
    '--oneofs',
    '--grpcLib=@grpc/grpc-js',
    '--importFileExtension=.ts',
    `--includeDirs=${here}`,
    `--outDir=${scratch}`,
    'outrigger/v1/control.proto',
    'outrigger/v1/discovery.proto',
    'grpc/health/v1/health.proto',
  ]);
  await forgetWhere(scratch);
  if (process.argv.includes('--check')) {
    if ((await contents(scratch)) !== (await contents(target))) {
      console.error(
        'proto/generated is not what proto/outrigger/v1 says. Run `npm run generate` and commit the result.',
      );
      process.exitCode = 1;
    }
  } else {
    await rm(target, { recursive: true, force: true });
    await cp(scratch, target, { recursive: true });
  }
} finally {
  await rm(scratch, { recursive: true });
}

async function contents(folder: string): Promise<string> {
  const files = (await readdir(folder, { recursive: true }).catch(() => [])).filter(f => f.endsWith('.ts')).sort();
  return (await Promise.all(files.map(async f => `${f}\n${await readFile(path.join(folder, f), 'utf8')}`))).join('\n');
}

/** The generator notes where it found each proto; as an absolute path that differs between machines. */
async function forgetWhere(folder: string): Promise<void> {
  for (const file of (await readdir(folder, { recursive: true })).filter(f => f.endsWith('.ts'))) {
    const text = await readFile(path.join(folder, file), 'utf8');
    await writeFile(path.join(folder, file), text.replaceAll(`${here}${path.sep}`, 'proto/'));
  }
}
