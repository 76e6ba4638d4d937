import { existsSync } from 'node:fs';
import path from 'node:path';
import { loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import type { ProtoGrpcType as ControlTypes } from './generated/control.ts';
import type { ProtoGrpcType as HealthTypes } from './generated/health.ts';

/** The public contract as grpc-js takes it: `outrigger.v1.Control`, `outrigger.v1.Discovery`, `grpc.health.v1.Health`. */
export function loadContract(): ControlTypes & HealthTypes {
  return loadPackageDefinition(contractDefinition()) as unknown as ControlTypes & HealthTypes;
}

/** Reads the .proto files once; some 20 ms. */
export function contractDefinition(): PackageDefinition {
  loaded ??= loadSync([...CONTRACT_FILES], { includeDirs: [protoFolder()], ...LOADER_OPTIONS });
  return loaded;
}

let loaded: PackageDefinition | undefined;

export const CONTRACT_FILES = [
  'outrigger/v1/control.proto',
  'outrigger/v1/discovery.proto',
  'grpc/health/v1/health.proto',
] as const;

/** The generated types hold only with exactly these; generate.ts passes the same to the generator. */
export const LOADER_OPTIONS = { keepCase: false, longs: Number, enums: String, defaults: true, oneofs: true } as const;

/** The folder of the .proto files: beside this file in the source tree, `proto/` of the package beside a compiled one. */
export function protoFolder(): string {
  const here = import.meta.dirname;
  const candidates = [here, path.join(here, '../../proto')];
  const found = candidates.find(folder => existsSync(path.join(folder, CONTRACT_FILES[0])));
  if (!found)
    throw new Error(`${CONTRACT_FILES[0]} is missing: looked in ${candidates.join(' and ')}. Reinstall outrigger.`);
  return found;
}
