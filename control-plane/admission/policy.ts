import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { z } from 'zod';
import { OutriggerError } from '../core/errors.ts';
import { formatLocated } from '../written-files/format-located.ts';

const names = z.array(z.string().min(1).max(4_096)).max(1_024).default([]);

/**
 * What the operator allows beyond the defaults, by name. Every list is empty and every switch is off unless the file
 * says otherwise; `capabilities` alone has a default, see docs/decisions/0001-capabilities.md.
 */
export const admissionPolicy = z.strictObject({
  allow: z
    .strictObject({
      privileged: z.boolean().default(false),
      /** Capabilities that a file may add back, without `CAP_`; `ALL` allows every one. */
      capabilities: z
        .array(z.string().transform(capabilityName))
        .max(128)
        .default(() => [...HARMLESS_CAPABILITIES]),
      /** Namespaces that may be the host's. */
      hostNamespaces: z.array(z.enum(['network', 'pid', 'ipc', 'uts', 'user', 'cgroup'])).default([]),
      /** Namespaces that may be another container's. */
      sharedNamespaces: z.array(z.enum(['network', 'pid', 'ipc'])).default([]),
      /** Folders whose contents may be bound; `~` is the home of the user that the control plane runs as. */
      bindRoots: names,
      /** Host addresses besides loopback on which ports may be published; `*` for every one. */
      hostPorts: names,
      sysctls: names,
      /** Device nodes of the host (`/dev/fuse`) and CDI names outside the scheduler's count. */
      devices: names,
      runtimes: names,
      cgroupParents: names,
      /** As Docker writes them: `seccomp=unconfined`, `apparmor=unconfined`, `label=disable`. */
      securityOpt: names,
      /** Drivers of networks besides `bridge` and `overlay`. */
      networkDrivers: names,
      networkOptions: names,
    })
    .prefault({}),
});

export type AdmissionPolicy = z.infer<typeof admissionPolicy>;

/**
 * A subset of what plain Docker gives every container. With them a root process inside can change owners, drop to
 * another user and end its children, and nothing beyond its own namespaces.
 */
export const HARMLESS_CAPABILITIES = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'NET_BIND_SERVICE',
  'SETGID',
  'SETUID',
] as const;

/** The policy where no file is given. `folders` may be bound: the user's home, and the project that is brought up. */
export function defaultPolicy({ folders }: { folders: readonly string[] }): AdmissionPolicy {
  return admissionPolicy.parse({ allow: { bindRoots: [...folders] } });
}

/** The operator's file where one is named, otherwise the default with the user's home as the one folder to bind from. */
export async function loadPolicy(
  file: string | undefined,
  { home = homedir(), folders = [home] }: { home?: string; folders?: readonly string[] } = {},
): Promise<AdmissionPolicy> {
  return file === undefined ? defaultPolicy({ folders }) : readPolicyFile(file, { home });
}

/** An operator's file, JSON or YAML. Rejects with `invalid_argument` that names each mistake, its place and what was expected. */
async function readPolicyFile(file: string, { home }: { home: string }): Promise<AdmissionPolicy> {
  const text = await readFile(file, 'utf8').catch(cause => {
    throw new OutriggerError('invalid_argument', `The admission policy ${file} cannot be read: ${String(cause)}`, {
      cause,
    });
  });
  // Loaded only where an operator has a file: the control plane needs YAML for nothing else.
  const { readPolicy } = await import('./read-policy.ts');
  const reading = readPolicy(file, text);
  switch (reading.kind) {
    case 'refused':
      throw new OutriggerError(
        'invalid_argument',
        `The admission policy cannot be used:\n${reading.problems.map(problem => formatLocated(problem)).join('\n')}`,
        { next: 'docs/admission.md lists every key.' },
      );
    case 'read': {
      const { allow } = reading.policy;
      return { allow: { ...allow, bindRoots: allow.bindRoots.map(root => root.replace(/^~(?=\/|$)/, home)) } };
    }
    default:
      return reading satisfies never;
  }
}

/** `CAP_CHOWN`, `cap_chown` and `chown` are the same to Docker. */
export function capabilityName(spelling: string): string {
  return spelling.trim().toUpperCase().replace(/^CAP_/, '');
}
