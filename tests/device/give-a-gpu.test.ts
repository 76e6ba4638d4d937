import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { NestedEngine } from '../engines/nested-engine.ts';
import { BUSYBOX_IMAGE, ensureBusyboxImage } from '../images/busybox.ts';

test('what shows on a real GPU that a container is given it runs, with GPUs that are simulated', async t => {
  t.timeout(5 * 60_000);
  await ensureBusyboxImage();
  const model = { model: 'SIM-A', memoryMib: 24 * 1024 };
  const engine = await NestedEngine.start({ images: [BUSYBOX_IMAGE], gpus: [model, model] });
  t.teardown(() => engine.dispose());
  const script = path.join(import.meta.dirname, 'give-a-gpu.ts');
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [script, '--image', BUSYBOX_IMAGE], {
    env: { ...process.env, DOCKER_HOST: engine.host },
  });
  t.log(stdout, stderr);
  const given = engine.gpus.all.find(({ uuid }) => stdout.includes(uuid));
  t.truthy(given, stdout);
  const lines = stdout.split('\n').filter(line => /^(first|its|second|down)/.test(line));
  t.regex(lines[0] ?? '', new RegExp(`^first was given ${given?.id}`));
  t.regex(lines[1] ?? '', new RegExp(`^its container has just that: .*${given?.uuid}.*; /dev/nvidia${given?.index}$`));
  t.regex(lines[2] ?? '', /^second waits: needs the GPU .*: 0 of 1 are free, 1 held by give-a-gpu-\d+\/first$/);
  t.regex(lines[3] ?? '', new RegExp(`^first is gone, and second has it: .*${given?.uuid}`));
  t.is(lines[4], 'down: nothing is left');
});
