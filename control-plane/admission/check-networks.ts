import { BlockList, isIP, isIPv4 } from 'node:net';
import type { ServiceSpec } from '../core/spec.ts';
import type { Denial } from './denial.ts';
import type { AdmissionPolicy } from './policy.ts';

/** Networks that are more than networks, their drivers and options, and ports on addresses that others can reach. */
export function checkNetworks(spec: ServiceSpec, { allow }: AdmissionPolicy): Denial[] {
  return [
    ...spec.networks.flatMap(network => checkNetwork(network, allow)),
    ...spec.ports.flatMap((port, i) => checkPort(port, i, allow)),
  ];
}

function checkNetwork(network: ServiceSpec['networks'][number], allow: AdmissionPolicy['allow']): Denial[] {
  const keyPath = `networks.${network.key}`;
  const denials: Denial[] = [];
  // The engine takes these names in a network's place, and gives the namespace of the host or of another container.
  if (network.name === 'host' && !allow.hostNamespaces.includes('network')) {
    denials.push({
      keyPath,
      message: 'the network "host" is the network namespace of the host',
      next: 'Use a network of the project, or have the operator set allow.hostNamespaces: [network].',
    });
  } else if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(network.name)) {
    denials.push({
      keyPath,
      message: `"${network.name}" is no name of a network`,
      next: 'Expected letters, digits, "_", "." and "-", first a letter or digit.',
    });
  }
  if (network.external) return denials;
  const { driver } = network;
  if (driver !== undefined && !['bridge', 'overlay'].includes(driver) && !allow.networkDrivers.includes(driver)) {
    denials.push({
      keyPath: `${keyPath}.driver`,
      message: `networks of the driver "${driver}" are directly on a network of the host`,
      next: `Use bridge, or have the operator add "${driver}" to allow.networkDrivers.`,
    });
  }
  for (const subnet of network.subnets) {
    const problem = subnetProblem(subnet);
    if (problem !== null) denials.push({ keyPath: `${keyPath}.ipam.config.subnet`, ...problem });
  }
  for (const option of Object.keys(network.driverOptions)) {
    if (SAFE_NETWORK_OPTIONS.has(option) || allow.networkOptions.includes(option)) continue;
    denials.push({
      keyPath: `${keyPath}.driver_opts.${option}`,
      message: `the driver option ${option} may change the network of the host`,
      next: `Take it out, or have the operator add it to allow.networkOptions.`,
    });
  }
  return denials;
}

/** What of it cannot be known here, such as the addresses of the node that it is made on, the engine looks at. */
function subnetProblem(subnet: string): Omit<Denial, 'keyPath'> | null {
  const [address = '', bits = ''] = subnet.split('/');
  if (isIP(address) === 0 || !/^\d{1,3}$/.test(bits)) {
    return { message: `"${subnet}" is no subnet`, next: 'Write it as an address and a prefix, such as 10.20.0.0/16.' };
  }
  if (!isPrivate(subnet)) {
    return {
      message: `the subnet ${subnet} is not private: the host would no longer reach the real addresses behind it`,
      next: 'Use one within 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or fc00::/7, or leave it out.',
    };
  }
  const widest = subnet.includes(':') ? WIDEST_BITS.ipv6 : WIDEST_BITS.ipv4;
  if (Number(subnet.split('/')[1]) >= widest) return null;
  return {
    message: `the subnet ${subnet} is wide enough to cover what else is at the host's site: the host would no longer reach that`,
    next: `Use /${widest} or a narrower one, or leave it out.`,
  };
}

/** As wide as what is taken for the surroundings of a node, see control-plane/engine/docker/taken-ranges.ts. */
const WIDEST_BITS = { ipv4: 16, ipv6: 48 };

const PRIVATE = new BlockList();
PRIVATE.addSubnet('10.0.0.0', 8);
PRIVATE.addSubnet('172.16.0.0', 12);
PRIVATE.addSubnet('192.168.0.0', 16);
PRIVATE.addSubnet('fc00::', 7, 'ipv6');

/** The whole subnet lies in a range for private use (RFC 1918, RFC 4193); what is no subnet does not. */
function isPrivate(subnet: string): boolean {
  const [address = '', prefix = ''] = subnet.split('/');
  const family = isIP(address);
  const shortest = address.startsWith('10.') ? 8 : address.startsWith('172.') ? 12 : family === 4 ? 16 : 7;
  // `::ffff:10.0.0.0` would be looked up as the IPv4 address within.
  if (family === 6 && !/^f[cd][0-9a-f]{2}:/i.test(address)) return false;
  return family !== 0 && Number(prefix) >= shortest && PRIVATE.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

const SAFE_NETWORK_OPTIONS: ReadonlySet<string> = new Set([
  'com.docker.network.bridge.enable_icc',
  'com.docker.network.bridge.enable_ip_masquerade',
  'com.docker.network.driver.mtu',
]);

function checkPort(port: ServiceSpec['ports'][number], index: number, allow: AdmissionPolicy['allow']): Denial[] {
  if (isLoopback(port.hostIp) || allow.hostPorts.includes('*') || allow.hostPorts.includes(port.hostIp)) return [];
  return [
    {
      keyPath: `ports[${index}]`,
      message: `port ${port.containerPort} would be published on ${port.hostIp || 'every address'}, for other machines to reach`,
      next: `Publish it on loopback ("127.0.0.1:${port.hostPort || ''}:${port.containerPort}"), or have the operator add "${port.hostIp || '0.0.0.0'}" to allow.hostPorts.`,
    },
  ];
}

function isLoopback(ip: string): boolean {
  return ip === '::1' || (isIPv4(ip) && ip.startsWith('127.'));
}
