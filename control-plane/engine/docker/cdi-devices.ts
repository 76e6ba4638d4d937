/** One device behind the CDI names that an engine discovered. */
export interface CdiDevice {
  /** The name to request it by. */
  readonly id: string;
  /** Vendor and class: `nvidia.com/gpu`. */
  readonly kind: string;
  readonly index?: string;
  readonly uuid?: string;
  /** A MIG slice that is named by numbers. */
  readonly slice?: { readonly gpuIndex: number; readonly index: number };
}

/**
 * The GPUs among CDI names, of any vendor. CDI files name a device several times (by index, by UUID, by type and index)
 * and all of them together as `all`; the index is kept, as it is what people write. Where a kind has `all` and no other
 * name, as under WSL, that is one device.
 */
export function cdiDevices(names: readonly string[]): readonly CdiDevice[] {
  const gpus = names.map(parseName).filter(name => name !== null);
  const kinds = Map.groupBy(gpus, name => name.kind);
  return [...kinds.values()].flatMap(ofOneKind).sort((a, b) => a.id.localeCompare(b.id, 'en', { numeric: true }));
}

interface CdiName {
  readonly id: string;
  readonly kind: string;
  readonly name: string;
}

/** Null for what is no GPU, and for the vendors under whose names NVIDIA's Kubernetes plugins list the same GPUs again. */
function parseName(id: string): CdiName | null {
  const parts = /^([^/=]+)\/(gpu|mig)=([^=]+)$/.exec(id);
  if (!parts) return null;
  const [, vendor = '', cdiClass = '', name = ''] = parts;
  return vendor.endsWith('.nvidia.com') ? null : { id, kind: `${vendor}/${cdiClass}`, name };
}

function ofOneKind(names: readonly CdiName[]): readonly CdiDevice[] {
  const single = names.filter(({ name }) => name !== 'all');
  if (single.length === 0) return names.slice(0, 1).map(({ id, kind }) => ({ id, kind }));
  const uuids = single.filter(({ name }) => UUID.test(name));
  const whole = byIndex(single, /^(?:gpu)?(\d+)$/);
  const slices = byIndex(single, /^(?:mig)?(\d+:\d+)$/);
  const named = new Set([...uuids, ...whole.all, ...slices.all]);
  const others = single.filter(name => !named.has(name));
  // A vendor whose names are numbers and something else names the same devices twice, as NVIDIA does.
  const rest = whole.first.size + slices.first.size + uuids.length > 0 ? [] : others;
  return [
    ...paired(whole.first, uuids, 'GPU-'),
    ...paired(slices.first, uuids, 'MIG-'),
    ...rest.map(({ id, kind }) => ({ id, kind })),
  ];
}

/** `first` has one name an index, the plain one where there is one: `0` before `gpu0`. */
function byIndex(names: readonly CdiName[], pattern: RegExp): { first: Map<string, CdiName>; all: readonly CdiName[] } {
  const all = names.filter(({ name }) => pattern.test(name));
  const shortest = all.toSorted((a, b) => a.name.length - b.name.length);
  const first = new Map<string, CdiName>();
  for (const name of shortest) {
    const index = pattern.exec(name.name)?.[1] as string;
    if (!first.has(index)) first.set(index, name);
  }
  return { first, all };
}

/** Indexes and UUIDs come in no common order: only where there is one of each they are known to be the same device. */
function paired(indexed: ReadonlyMap<string, CdiName>, uuids: readonly CdiName[], prefix: string): CdiDevice[] {
  const own = uuids.filter(({ name }) => name.startsWith(prefix));
  if (indexed.size === 0) return own.map(({ id, kind, name: uuid }) => ({ id, kind, uuid }));
  const only = indexed.size === 1 && own.length === 1 ? own[0] : undefined;
  return [...indexed].map(([index, { id, kind }]) => {
    const [gpuIndex, sliceIndex] = index.split(':').map(Number);
    return {
      id,
      kind,
      index,
      ...(only && { uuid: only.name }),
      ...(sliceIndex !== undefined && { slice: { gpuIndex: gpuIndex as number, index: sliceIndex } }),
    };
  });
}

const UUID = /^(GPU|MIG)-/;
