import test from 'ava';
import { dockerProject } from './project.ts';

const SERVICE = `
services:
  web:
    image: BUSYBOX
    sysctls: {vm.swappiness: "1"}
    cap_add:
      - CHOWN
      - SYS_ADMIN
    volumes:
      - data:/data
      - /etc/hostname:/x
      - {type: bind, source: /opt, target: /opt}
volumes: {data: {}}
`;

test('what a file may not ask for is refused with its places, and with the flag that allows a folder', async t => {
  const project = await dockerProject(t, SERVICE);
  const { code, stderr } = await project.cli('up', '-d');
  t.is(code, 1, stderr);
  t.regex(stderr, /^error: compose\.yaml:8:9: services\.web\.cap_add\[1\]: the capability SYS_ADMIN/m);
  t.regex(stderr, /^compose\.yaml:5:15: services\.web\.sysctls\["vm\.swappiness"\]: the sysctl/m);
  t.regex(stderr, /^compose\.yaml:11:9: services\.web\.volumes\[1\]\.source: \/etc\/hostname is outside/m);
  t.regex(stderr, /^compose\.yaml:12:22: services\.web\.volumes\[2\]\.source: \/opt is outside/m);
  t.regex(stderr, /outrigger serve --allow-bind \/opt, or allow\.bindRoots of the admission policy/);
  t.deepEqual(await project.containers(), []);
});
