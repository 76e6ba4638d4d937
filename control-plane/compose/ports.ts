import type { PublishedPort, ServiceSpecInput } from '../core/spec.ts';
import type { Fields } from './fields.ts';
import type { XOutrigger } from './x-outrigger.ts';

/** `ports`: what is published on the node. Without an address in the file that is loopback, unlike in Compose. */
export function publishedPorts(service: Fields): PublishedPort[] {
  return service.list('ports').flatMap(entry => {
    const containerPort = entry.number('target');
    const published = entry.text('published');
    const protocol = entry.text('protocol') || 'tcp';
    const hostIp = entry.text('host_ip') || undefined;
    entry.take('mode');
    entry.ignore('name', 'Outrigger does not name ports');
    entry.ignore('app_protocol', 'x-outrigger.protocol says what clients speak');
    entry.end();
    if (containerPort === undefined) return [];
    if (protocol !== 'tcp' && protocol !== 'udp') {
      entry.findings.error(entry.at('protocol'), `expected tcp or udp, found "${protocol}"`);
      return [];
    }
    if (published && !/^\d+$/.test(published)) {
      entry.findings.error(
        entry.at('published'),
        `expected one host port, found "${published}"; leave it out to let the engine choose a free one`,
      );
      return [];
    }
    if (hostIp === undefined) {
      const where = `${published ?? 'a free port'} of 127.0.0.1`;
      entry.findings.warn(
        entry.path,
        `published on ${where} only; write an address such as "0.0.0.0:${published ?? ''}:${containerPort}" for others`,
      );
    }
    return { containerPort, hostPort: Number(published ?? 0), hostIp: hostIp ?? '127.0.0.1', protocol };
  });
}

/**
 * Where clients call the service: what `x-outrigger.port` says, otherwise the only TCP port among `expose` and `ports`.
 * With several, a service that names its protocol must choose; any other has no endpoint, and a warning says so.
 */
export function servicePort(
  service: Fields,
  published: readonly PublishedPort[],
  x: XOutrigger,
): Pick<ServiceSpecInput, 'port'> {
  const exposed = service.texts('expose') ?? [];
  if (x.port !== undefined) return { port: x.port };
  const candidates = new Set([...exposed.flatMap(readExposed), ...published.flatMap(tcpPort)]);
  const [only] = candidates;
  if (candidates.size === 1 && only !== undefined) return { port: only };
  const keyPath = [...service.at('x-outrigger'), 'port'];
  const found = candidates.size === 0 ? 'no TCP port under expose or ports' : `several: ${[...candidates].join(', ')}`;
  if (x.protocol !== undefined) {
    service.findings.error(keyPath, `expected a port, because protocol is ${x.protocol}; found ${found}`);
  } else if (candidates.size > 1) {
    service.findings.warn(
      keyPath,
      `the service has no endpoint: expected one port where clients call it, found ${found}`,
    );
  }
  return {};
}

function tcpPort(port: PublishedPort): number[] {
  return port.protocol === 'tcp' ? [port.containerPort] : [];
}

/** `50051`, `50051/tcp` or `6000-6002`; a range as long as it is short enough to mean single ports. */
function readExposed(entry: string): number[] {
  const match = /^(\d+)(?:-(\d+))?(?:\/tcp)?$/.exec(entry);
  if (!match) return [];
  const first = Number(match[1]);
  const last = Math.min(Number(match[2] ?? first), first + 9);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);
}
