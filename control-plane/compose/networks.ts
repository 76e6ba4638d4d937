import type { NetworkSpec } from '../core/spec.ts';
import { Fields } from './fields.ts';
import type { Project } from './project.ts';

/**
 * The networks a replica joins: those the service names, the project's default network otherwise. On each it answers to
 * the service's name, as in Compose.
 */
export function networks(service: Fields, name: string, project: Project): NetworkSpec[] {
  const named = service.members('networks');
  links(service);
  const containerName = service.text('container_name');
  if (containerName) {
    service.findings.warn(
      service.at('container_name'),
      `ignored as a name, because a service has several replicas; "${containerName}" is a network alias of them all`,
    );
  }
  if (service.has('network_mode')) return [];
  const joined: [string, Fields][] =
    named.length > 0 ? named : [['default', new Fields({}, service.at('networks'), service.findings)]];
  return joined.map(([key, attachment]) => {
    const aliases = attachment.texts('aliases') ?? [];
    for (const fixed of ['ipv4_address', 'ipv6_address', 'link_local_ips', 'mac_address']) {
      attachment.refuse(fixed, 'replicas cannot share one address; clients find them by the name of the service');
    }
    attachment.refuse('interface_name', 'Outrigger does not name network interfaces; remove it');
    attachment.refuse('driver_opts', 'Outrigger passes no options to network endpoints; remove it');
    attachment.ignore('priority', 'Outrigger leaves the order of networks to the engine');
    attachment.ignore('gw_priority', 'Outrigger leaves the default gateway to the engine');
    attachment.end();
    const all = new Set([name, ...(containerName ? [containerName] : []), ...aliases]);
    return { ...readNetwork(key, project), key, aliases: [...all] };
  });
}

function readNetwork(key: string, project: Project): Omit<NetworkSpec, 'key' | 'aliases'> {
  const network = project.networks.get(key);
  const name = network?.text('name') ?? `${project.name}_${key}`;
  const external = network?.flag('external') ?? false;
  if (!network || external) return { name, external, internal: false, driverOptions: {}, subnets: [] };
  const internal = network.flag('internal') ?? false;
  const driver = network.text('driver') || undefined;
  const driverOptions = Object.fromEntries(network.textMap('driver_opts').map(([k, v]) => [k, v ?? '']));
  const subnets = readSubnets(network);
  network.ignore('attachable', 'it only matters to Swarm');
  network.ignore('labels', "Outrigger labels networks as Compose does, without the file's own labels");
  if (network.flag('enable_ipv6')) {
    network.findings.warn(
      network.at('enable_ipv6'),
      'ignored where Outrigger creates the network; one that Compose created keeps its IPv6 addresses',
    );
  }
  if (network.flag('enable_ipv4') === false) {
    network.findings.error(network.at('enable_ipv4'), 'expected true: endpoints have IPv4 addresses');
  }
  network.end();
  return { name, external, internal, ...(driver ? { driver } : {}), driverOptions, subnets };
}

function readSubnets(network: Fields): string[] {
  const ipam = network.fields('ipam');
  if (!ipam) return [];
  const driver = ipam.text('driver');
  if (driver && driver !== 'default') ipam.findings.error(ipam.at('driver'), `expected default, found "${driver}"`);
  ipam.refuse('options', 'Outrigger passes no options to address management; remove it');
  const subnets = ipam.list('config').flatMap(config => {
    const subnet = config.text('subnet');
    for (const key of ['gateway', 'ip_range', 'aux_addresses']) {
      config.refuse(key, 'Outrigger sets subnets only; create the network yourself and declare it as external');
    }
    config.end();
    return subnet ?? [];
  });
  ipam.end();
  return subnets;
}

/** A link without an alias says no more than the common network does; Compose has added its dependency already. */
function links(service: Fields): void {
  for (const [index, link] of (service.texts('links') ?? []).entries()) {
    const [target, alias = target] = link.split(':');
    if (alias === target) continue;
    service.findings.error(
      [...service.at('links'), index],
      `Outrigger does not support links; give "${target}" the alias "${alias}" under its networks`,
    );
  }
}
