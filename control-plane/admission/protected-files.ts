import path from 'node:path';
import type { ListenAddress } from '../api/listen-address.ts';
import { NO_NODES_FILE } from '../nodes/no-nodes-file.ts';

/** What a control plane was told of files, by flags and by its environment. */
export interface NamedFiles {
  readonly environment: NodeJS.ProcessEnv;
  readonly listen?: readonly ListenAddress[];
  readonly consul?: { readonly tokenFile?: string };
  readonly nodes?: string;
  readonly admission?: string;
  readonly tokens?: string;
}

/**
 * The files that say who may control this control plane and what it allows, and by which it proves who it is: no container
 * may have them, whatever a policy allows. A certificate of an authority is no secret, but whoever may write it decides who
 * is believed. A file that another one takes the place of is among them: the next start may be without that other one.
 * @returns absolute paths; what the nodes file in use names, the state folder and the user's own credentials
 * (credential-places.ts) are not among them
 */
export function protectedFiles({ environment, listen = [], ...named }: NamedFiles): readonly string[] {
  const nodes = [named.nodes, environment['OUTRIGGER_NODES']].filter(file => file !== NO_NODES_FILE);
  const certificates = environment['DOCKER_CERT_PATH'];
  const files = [
    named.tokens,
    named.admission,
    named.consul?.tokenFile,
    ...nodes,
    ...listen.flatMap(address => (address.kind === 'tcp' ? (address.tls?.files ?? []) : [])),
    ...VARIABLES.map(name => environment[name]?.trim()),
    ...(certificates ? ENGINE_CERTIFICATES.map(file => path.join(certificates, file)) : []),
  ];
  return [...new Set(files.flatMap(file => (file ? [path.resolve(file)] : [])))];
}

const VARIABLES = [
  'OUTRIGGER_ADMISSION',
  'CONSUL_HTTP_TOKEN_FILE',
  'CONSUL_CACERT',
  'CONSUL_CLIENT_CERT',
  'CONSUL_CLIENT_KEY',
  // By these its own commands and clients prove who they are, to this control plane or to another.
  'OUTRIGGER_TOKEN_FILE',
  'OUTRIGGER_TLS_CA',
  'OUTRIGGER_TLS_CERT',
  'OUTRIGGER_TLS_KEY',
] as const;

/** As Docker's own client finds them in DOCKER_CERT_PATH. */
const ENGINE_CERTIFICATES = ['ca.pem', 'cert.pem', 'key.pem'];
