import type { ServiceSpec } from '../core/spec.ts';
import type { Denial } from './denial.ts';
import type { AdmissionPolicy } from './policy.ts';

type Namespace = AdmissionPolicy['allow']['hostNamespaces'][number];

/** Namespaces of the host and of other containers, in each way that they can be asked for. */
export function checkNamespaces(spec: ServiceSpec, { allow }: AdmissionPolicy): Denial[] {
  return ASKED.flatMap(({ namespace, keyPath, key, own }) => {
    const mode = spec[key];
    if (mode === undefined || own.test(mode)) return [];
    if (mode === 'host') {
      if (allow.hostNamespaces.includes(namespace)) return [];
      return [
        denial(keyPath, `the ${namespace} namespace of the host is shared`, `allow.hostNamespaces: [${namespace}]`),
      ];
    }
    if (/^(container|service):/.test(mode) && isShareable(namespace)) {
      if (allow.sharedNamespaces.includes(namespace)) return [];
      const message = `the ${namespace} namespace of another container is shared ("${mode}")`;
      return [denial(keyPath, message, `allow.sharedNamespaces: [${namespace}]`)];
    }
    return [
      {
        keyPath,
        message: `"${mode}" is no known ${namespace} namespace`,
        next: 'Take it out: a container has its own by default.',
      },
    ];
  });
}

const NOTHING = /^$/;

/** `own`: the values that leave the container alone with itself. */
const ASKED: readonly {
  namespace: Namespace;
  keyPath: string;
  key: 'networkMode' | 'pidMode' | 'ipcMode' | 'utsMode' | 'usernsMode' | 'cgroupMode';
  own: RegExp;
}[] = [
  // Any other plain word is the name of a network.
  { namespace: 'network', keyPath: 'network_mode', key: 'networkMode', own: /^(?!host$)[a-zA-Z0-9][a-zA-Z0-9_.-]*$/ },
  { namespace: 'pid', keyPath: 'pid', key: 'pidMode', own: NOTHING },
  { namespace: 'ipc', keyPath: 'ipc', key: 'ipcMode', own: /^(private|none|shareable)?$/ },
  { namespace: 'uts', keyPath: 'uts', key: 'utsMode', own: NOTHING },
  { namespace: 'user', keyPath: 'userns_mode', key: 'usernsMode', own: NOTHING },
  { namespace: 'cgroup', keyPath: 'cgroup', key: 'cgroupMode', own: /^(private)?$/ },
];

function isShareable(namespace: Namespace): namespace is 'network' | 'pid' | 'ipc' {
  return namespace === 'network' || namespace === 'pid' || namespace === 'ipc';
}

function denial(keyPath: string, message: string, allowance: string): Denial {
  return { keyPath, message, next: `Take it out, or have the operator set ${allowance}.` };
}
