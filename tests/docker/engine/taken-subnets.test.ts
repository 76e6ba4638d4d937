import { randomBytes } from 'node:crypto';
import test from 'ava';
import type { OutriggerError } from '../../../control-plane/core/errors.ts';
import { createDockerEngine } from '../../../control-plane/engine/docker/index.ts';
import { requestOf, soon } from '../../contract/engine.ts';
import { NestedEngine } from '../../engines/nested-engine.ts';
import { BUSYBOX_IMAGE, ensureBusyboxImage } from '../../images/busybox.ts';

let nested: NestedEngine;

test.before(async () => {
  await ensureBusyboxImage();
  nested = await NestedEngine.start({ images: [BUSYBOX_IMAGE], listen: 'tcp' });
});
test.after.always(() => nested?.dispose());

/** The node as one elsewhere: nothing but its engine's API tells of it. */
function farNode() {
  const namespace = `ortest-${randomBytes(4).toString('hex')}`;
  const connection = { kind: 'tcp', host: nested.address, port: 2375 } as const;
  const engine = createDockerEngine({ node: 'far', connection, instance: namespace });
  const create = (subnets: string[]) => {
    const networks = [{ name: `${namespace}_x`, key: 'x', subnets, aliases: [] }];
    const spec = { command: ['sleep', '3600'], init: true, networks };
    return engine.create(requestOf({ namespace, image: BUSYBOX_IMAGE, engine }, spec), soon());
  };
  return { engine, namespace, create };
}

/** The address of the node with its last two numbers replaced. */
const beside = (rest: string) => `${nested.address.split('.').slice(0, 2).join('.')}.${rest}`;

test('a subnet over what the node lives by is refused and says what it covers, and the node is not cut off', async t => {
  t.timeout(3 * 60_000);
  const { engine, namespace, create } = farNode();
  t.teardown(() => engine.close());
  const bridge = (await nested.docker.getNetwork('bridge').inspect()).IPAM?.Config?.[0]?.Subnet ?? '';
  const refused: [subnet: string, covers: RegExp][] = [
    [beside('0.0/29'), /an address of the node itself|from where this control plane reaches the node/],
    // The first of the network that it shares with us is its gateway, and ours in it.
    [beside('0.1/32'), /from where this control plane reaches the node/],
    [beside('0.0/16'), /an address of the node itself/],
    [beside('200.0/24'), /its gateway and its neighbours may be there/],
    [bridge, /the network bridge there/],
  ];
  for (const [subnet, covers] of refused) {
    const error = (await t.throwsAsync(create([subnet]), { code: 'invalid_argument' }, subnet)) as OutriggerError;
    t.log(error.message);
    t.regex(error.message, covers);
    t.regex(error.message, new RegExp(`${namespace}_x \\(networks\\.x\\)`));
    t.regex(error.next ?? '', /Leave the subnet out/);
  }
  t.deepEqual(await nested.docker.listNetworks({ filters: JSON.stringify({ name: [namespace] }) }), []);
  t.deepEqual((await engine.observe(soon())).containers, [], 'it still answers');
});

test('a subnet that is used nowhere near the node is taken as it stands, and one that the engine chooses is free', async t => {
  t.timeout(3 * 60_000);
  for (const subnets of [['10.213.91.0/24'], []]) {
    const { engine, namespace, create } = farNode();
    const { containerId } = await create(subnets);
    await engine.start(containerId, soon());
    const { Networks } = (await nested.docker.getContainer(containerId).inspect()).NetworkSettings;
    const ip = Networks[`${namespace}_x`]?.IPAddress ?? '';
    t.regex(ip, subnets.length > 0 ? /^10\.213\.91\./ : /^\d/);
    await nested.docker.getContainer(containerId).remove({ force: true });
    await engine.cleanNamespace(namespace, { volumes: false }, soon());
    engine.close();
  }
});

test('what somebody made there by hand is used, whatever it covers', async t => {
  t.timeout(3 * 60_000);
  const { engine, namespace, create } = farNode();
  const Name = `${namespace}_x`;
  await nested.docker.createNetwork({ Name, IPAM: { Config: [{ Subnet: '10.213.92.0/24' }] } });
  const { containerId } = await create([beside('0.0/29')]);
  t.truthy(containerId);
  await nested.docker.getContainer(containerId).remove({ force: true });
  await nested.docker.getNetwork(Name).remove();
  engine.close();
});
